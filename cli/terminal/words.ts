/** The domain's words, as texts and JSON for users have them. */
import { domain } from '#domain';
import type { Domain, TestEvents } from '../../contract/domain.ts';
import { withArticle } from './text.ts';

const { settings } = domain.events;

/** What an event is about, as a word; with its article; and several. */
export const NOUN: string = settings.noun;
export const A_NOUN: string = withArticle(NOUN);
export const NOUNS: string = domain.plural;
/** `an order`. */
export const A_NOUN = `${/^[aeiou]/.test(NOUN) ? 'an' : 'a'} ${NOUN}`;
/** Name of the field with its ID. */
export const ID_FIELD: string = settings.idField;
/** What several are grouped by, as a word: `customer` of `customerId`. */
export const GROUP: string = settings.groupField.replace(/Id$/, '');
/** What an event that changes another is called; undefined where there is none. */
export const CHANGE: TestEvents['change'] = (domain satisfies Domain as Domain).testEvents.change;
/** How the command line is called. */
export const PROGRAM: string = domain.program;
/** For the examples in help: a consumer, a type of event, and a stack. */
export const CONSUMER: string = domain.consumer;
export const [TYPE = ''] = domain.events.types;
export const PRODUCTION: string = `${domain.stackName}-prod`;

/** Examples in a help text. @param commands arguments of the program, perhaps with a pipe behind them */
export function examples(...commands: string[]): string {
  const lines = commands.map((each) => {
    // npm prints lines of its own, which are not for a pipe.
    const program = / [|>] /.test(each) ? PROGRAM.replace(/ --(?= |$)/, ' --silent --') : PROGRAM;
    return `\n  ${program} ${each}`;
  });
  return `Examples:${lines.join('')}`;
}

/** An ID under the domain's name for it, for JSON. */
export function named(id: string | undefined): Record<string, string | undefined> {
  return { [ID_FIELD]: id };
}
