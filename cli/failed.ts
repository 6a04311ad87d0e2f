// `orders failed`: the dead letters of one consumer or all, by reason, and all of them left where they are.

import type { Command } from 'commander';
import type { ConsumerHandles } from '../contract/stack-outputs.ts';
import type { Clients } from './clients.ts';
import { lookAtDeadLetters, type Round } from './dead-letters.ts';
import { INTERRUPTED, untilInterrupted } from './interrupt.ts';
import {
  addLetterFilter,
  describeFilter,
  headline,
  type Letter,
  type LetterFilter,
  letterFilter,
  printable,
  Reasons,
  readLetter,
  reasonOf,
  unseenLine,
} from './letter.ts';
import { exported, LetterFile } from './letter-file.ts';
import { createProgress } from './progress.ts';
import { addStackOptions, commandFor, connect, consumerOf, type StackOptions } from './stack.ts';
import { count, time } from './table.ts';

interface Options extends StackOptions, LetterFilter {
  readonly show?: boolean;
  readonly export?: string;
  readonly json?: boolean;
}

/** One consumer's letters, of those asked for. */
interface Found {
  readonly consumer: ConsumerHandles;
  readonly reasons: Reasons;
  readonly round: Round;
  /** Only for --show --json. */
  readonly letters: ReturnType<typeof exported>[];
}

const EXAMPLES = `
Examples:
  npm run orders -- failed --local
  npm run orders -- failed billing --since 2h --reason SchemaViolation
  npm run orders -- failed shipping --order 4711 --show
  npm run orders -- failed --export dead-letters.jsonl --stack OrderFanOut-prod

Letters are hidden from others while they are listed, and back afterwards.
Bodies hold personal data, so they are printed with --show only; an exported
file can be read by you alone.

Exits with 0 if there are no dead letters, with 1 if there are, with 2 for wrong
usage and with 130 after Ctrl-C.`;

/** Adds the verb to the command line. */
export function addFailed(program: Command): void {
  const command = program
    .command('failed')
    .argument('[consumer]', 'whose dead letters (default: those of all consumers)')
    .summary('list dead letters by reason')
    .description('Lists dead letters by consumer and reason, and leaves all of them where they are.');
  addLetterFilter(command)
    .option('--show', 'print each letter with its body')
    .option('--export <file>', 'save the letters, a JSON object a line');
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string | undefined, options: Options) => {
      process.exitCode = await failed(consumer, options);
    });
}

/** @returns the exit code */
async function failed(name: string | undefined, options: Options): Promise<number> {
  const signal = untilInterrupted();
  const { clients, stack } = await connect(options);
  const consumers = name === undefined ? stack.consumers : [consumerOf(stack, name)];
  const file = options.export === undefined ? undefined : new LetterFile(options.export);
  let found: Found[];
  try {
    found = await look(consumers, clients, options, file, signal);
  } catch (error) {
    file?.discard();
    throw error;
  }
  if (signal.aborted) file?.discard();
  else file?.close();

  if (options.json) printJson(stack.name, found, signal.aborted);
  else printText(found, options);
  for (const { consumer, round } of found) {
    const unseen = signal.aborted ? undefined : unseenLine(consumer.name, round.unseen);
    if (unseen) console.error(unseen);
  }
  if (signal.aborted) {
    console.error(
      `Stopped after ${count(
        sum(found, (each) => each.round.seen),
        'letter',
      )}: all are back in their queues${file ? ', nothing was exported' : ''}.`,
    );
    return INTERRUPTED;
  }
  if (file) console.error(`Saved ${count(file.written, 'letter')} in ${file.path}`);
  const worst = found.toSorted((a, b) => b.reasons.total - a.reasons.total)[0];
  if (!worst || worst.reasons.total === 0) return 0;
  console.error(
    `\nNext, once the cause is gone:\n  ${commandFor(options, 'redrive', worst.consumer.name, '--canary')}`,
  );
  return 1;
}

async function look(
  consumers: readonly ConsumerHandles[],
  { sqs }: Clients,
  options: Options,
  file: LetterFile | undefined,
  signal: AbortSignal,
): Promise<Found[]> {
  const isWanted = letterFilter(options);
  const step = createProgress({ silent: !process.stderr.isTTY }).step('Looking at dead letters');
  const progress = consumers.map(() => ({ seen: 0, expected: 0 }));
  try {
    return await Promise.all(
      consumers.map(async (consumer, index) => {
        const reasons = new Reasons();
        const letters: Found['letters'] = [];
        const visit = (letter: Letter) => {
          if (!isWanted(letter)) return;
          reasons.add(letter);
          file?.write(consumer.name, letter);
          if (!options.show) return;
          if (options.json) letters.push(exported(consumer.name, letter));
          else console.log(shown(consumer.name, letter));
        };
        const round = await lookAtDeadLetters(
          sqs,
          consumer.deadLetterQueueUrl,
          (message) => visit(readLetter(message)),
          {
            signal,
            onProgress(now) {
              progress[index] = now;
              step.bar(
                sum(progress, (each) => each.seen),
                sum(progress, (each) => each.expected),
              );
            },
          },
        );
        return { consumer, reasons, round, letters };
      }),
    );
  } finally {
    step.done(
      `Looked at ${count(
        sum(progress, (each) => each.seen),
        'dead letter',
      )}`,
    );
  }
}

function shown(consumer: string, letter: Letter): string {
  return [
    `${consumer}  ${letter.orderId ?? 'no orderId'}  ${time(letter.at)}  messageId ${letter.messageId}`,
    reasonOf(letter),
    `${printable(letter.body)}\n`,
  ].join('\n');
}

function printText(found: Found[], options: Options): void {
  const which = describeFilter(options);
  for (const { consumer, reasons } of found) {
    console.log(`${headline(consumer.name, reasons.total)}${which && ` (${which})`}`);
    if (reasons.total > 0) console.log(reasons.describe());
  }
}

function printJson(stack: string, found: Found[], interrupted: boolean): void {
  const consumers = found.map(({ consumer, reasons, round, letters }) => [
    consumer.name,
    {
      deadLetters: reasons.total,
      unseen: round.unseen,
      reasons: reasons.list(),
      ...(letters.length > 0 && { letters }),
    },
  ]);
  console.log(JSON.stringify({ stack, interrupted, consumers: Object.fromEntries(consumers) }));
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((all, value) => all + of(value), 0);
}
