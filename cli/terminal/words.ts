/** The domain's words, as texts and JSON for users have them. */
import { domain } from '#domain';
import type { TestEvents } from '../../contract/domain.ts';
import { withArticle } from '../../contract/names.ts';

const { settings } = domain.events;

/** What an event is about: `reading`, `a reading`, `readings`. */
export const NOUN: string = settings.noun;
export const A_NOUN: string = withArticle(NOUN);
export const NOUNS: string = domain.plural;
/** Name of the field with its ID. */
export const ID_FIELD: string = settings.idField;
/** What several are grouped by, as a word: `customer` of `customerId`. */
export const GROUP: string = settings.groupField.replace(/Id$/, '');
/** What an event that changes another is called; undefined where there is none. */
export const CHANGE: TestEvents['change'] = domain.testEvents.change;
/** How the command line is called. */
export const PROGRAM: string = domain.program;
/** For the examples in help: a consumer, a type of event, and a stack. */
export const CONSUMER: string = domain.consumer;
export const [TYPE = ''] = domain.events.types;
/** Name of the field that says when an event that creates a record happened. */
export const TIME_FIELD: string = domain.events.creating()[0]?.time ?? '';
export const PRODUCTION: string = `${domain.stackName}-prod`;

/** What `--domain` takes for it; undefined for the project's own domain. */
export const CONDITION: string | undefined = domain.condition;
/** How `npm start` and `npm run chaos` are called for this domain. */
export const START: string = script('start');
export const CHAOS: string = script('run chaos');

function script(name: string): string {
  return `npm ${name} --${CONDITION === undefined ? '' : ` --domain ${CONDITION}`}`;
}

/** Examples in the help text of a verb. @param commands arguments of the command line, perhaps with a pipe behind them */
export function examples(...commands: readonly string[]): string {
  return examplesOf(PROGRAM, commands);
}

export function examplesOf(program: string, commands: readonly string[]): string {
  const lines = commands.map((each) => {
    // npm prints lines of its own, which are not for a pipe.
    const called = / [|>] /.test(each) ? program.replace(/ --(?= |$)/, ' --silent --') : program;
    return `\n  ${called} ${each}`;
  });
  return `Examples:${lines.join('')}`;
}

/** An ID under the domain's name for it, for JSON. */
export function named(id: string | undefined): Record<string, string | undefined> {
  return { [ID_FIELD]: id };
}
