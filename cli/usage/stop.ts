/** `orders stop` and `orders start`: whether a consumer takes messages from its queue. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Invocation } from '../main.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';
import { wholeNumber } from '../options/values.ts';

export interface StopOptions extends StackOptions {
  readonly reason?: string;
  readonly timeout: number;
  readonly json?: boolean;
}

const MAX_REASON = 500;

const STOP_EXAMPLES = `
Examples:
  npm run orders -- stop billing --local
  npm run orders -- stop billing --reason "the payment service is down" --stack OrderFanOut-prod

A stopped consumer's messages wait in its queue, which deletes them once they are too old: the command says when.
What it works on when it is stopped is ended first. A deployment does not start it again; \`start\` does.

Exits with 0 once it is stopped, also if it was before; with 1 if that takes longer than --timeout, with 2 for wrong
usage and with 130 after Ctrl-C.`;

const START_EXAMPLES = `
Examples:
  npm run orders -- start billing --local
  npm run orders -- start billing --reason "the payment service is back" --stack OrderFanOut-prod

Exits with 0 once it is started, also if it was before; with 1 if that takes longer than --timeout, with 2 for wrong
usage and with 130 after Ctrl-C.`;

export function defineStop(program: Command, { io, load, exitWith }: Invocation): void {
  const define = (verb: 'stop' | 'start', summary: string, description: string, examples: string) => {
    const command = program
      .command(verb)
      .argument('<consumer>', `whom to ${verb}`)
      .summary(summary)
      .description(description)
      .option('--reason <text>', 'why, for the record', reason)
      .option('--timeout <seconds>', 'how long to wait until it is so', wholeNumber(1, 3600), 120);
    addStackOptions(command)
      .option('--json', 'print one JSON object')
      .addHelpText('after', examples)
      .action(async (consumer: string, options: StopOptions) => {
        const commands = await load('stop');
        exitWith(await commands[verb](consumer, options, io));
      });
  };
  define(
    'stop',
    'have a consumer leave its messages in the queue',
    'Turns the event source mapping of a consumer off, so that its messages wait in the queue.',
    STOP_EXAMPLES,
  );
  define(
    'start',
    'have a consumer take its messages again',
    'Turns the event source mapping of a consumer on again.',
    START_EXAMPLES,
  );
}

function reason(text: string): string {
  if (text.trim() !== '' && text.length <= MAX_REASON) return text;
  throw new InvalidArgumentError(`It must be a text of 1 to ${MAX_REASON} characters.`);
}
