/** `orders check`: whether a stack is set up so that it works, and so that somebody is told when it does not. */
import type { Command } from 'commander';
import type { Invocation } from '../main.ts';
import { addStackOptions, type StackOptions } from '../options/stack-options.ts';

export interface CheckOptions extends StackOptions {
  readonly fire?: boolean;
  readonly yes?: boolean;
  readonly drift: boolean;
  readonly history: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- check --stack OrderFanOut-prod
  npm run orders -- check --fire --stack OrderFanOut-prod
  npm run orders -- check --no-drift --local
  npm run orders -- check --no-history --stack OrderFanOut-prod
  npm run orders --silent -- check --json | jq '.findings[] | select(.ok | not)'

Checks who is subscribed to the topics, the consumers' mappings, queues and concurrency, the keys, the alarms with
what they told last, and the drift of the stack. Only --fire changes anything: it asks, has one alarm page and one
give notice that this is a test, and sets them back, so that each sends two messages.

For the drift AWS reads every resource in your name, which the operator's policy does not allow: --no-drift.
CloudWatch keeps the history of an alarm for a limited time only. Where none has told anything for longer, that is
a finding: --fire makes a history, --no-history leaves it out.
Nobody is subscribed to the alarms of a local stack, which is a finding.

Exits with 0 if all is well, with 1 if something is wrong or could not be checked, with 2 for wrong usage and with
130 after Ctrl-C.`;

export function defineCheck(program: Command, { io, load, exitWith }: Invocation): void {
  const command = program
    .command('check')
    .summary('whether it is set up to work, and to tell somebody if not')
    .description('Checks what a deployment can leave undone: a line a finding, with what to do.')
    .option('--fire', 'set an alarm of each severity to ALARM, to see that it is announced')
    .option('--yes', 'do not ask')
    .option('--no-drift', 'do not have CloudFormation look for drift')
    .option('--no-history', 'do not look at what the alarms told last');
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (options: CheckOptions) => {
      const { check } = await load('check');
      exitWith(await check(options, io));
    });
}
