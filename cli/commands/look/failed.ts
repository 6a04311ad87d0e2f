/** `failed`: lists the dead letters of one consumer or all by reason, and leaves them in place. */

import type { Command } from 'commander';
import { domain } from '#domain';
import { ARCHIVE } from '../../../contract/archive.ts';
import { UNROUTED } from '../../../contract/stack-outputs.ts';
import type { Clients } from '../../aws/clients.ts';
import { connect } from '../../aws/stack.ts';
import type { Letter } from '../../dead-letters/letter.ts';
import { exported, LetterFile } from '../../dead-letters/letter-file.ts';
import { type LetterQueue, letterQueueOf, letterQueues } from '../../dead-letters/letter-queue.ts';
import { type LookResult, lookAtDeadLetters } from '../../dead-letters/look.ts';
import {
  describeFilter,
  headline,
  letterFilter,
  Reasons,
  reasonOf,
  unseenLine,
} from '../../dead-letters/reasons.ts';
import {
  addLetterFilter,
  filterOptions,
  type LetterFilter,
  shellOption,
} from '../../options/letter-filter.ts';
import { addStackOptions, commandFor, type StackOptions } from '../../options/stack-options.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { progressOf } from '../../terminal/progress.ts';
import { count, printable, time } from '../../terminal/text.ts';
import { CONSUMER, examples, ID_FIELD, NOUN, PRODUCTION } from '../../terminal/words.ts';

interface FailedOptions extends StackOptions, LetterFilter {
  readonly show?: boolean;
  readonly export?: string;
}

const EXAMPLES = `
${examples(
  'failed --local',
  `failed ${CONSUMER} --since 2h --reason SchemaViolation`,
  `failed ${CONSUMER} --${NOUN} 4711 --show`,
  'failed unrouted --show',
  `failed --export dead-letters.jsonl --stack ${PRODUCTION}`,
)}

\`unrouted\` are messages that no consumer's subscription asks for, listed by
eventType.

Dead letters are invisible to other readers while they are listed, and visible
again afterwards. Bodies hold personal data, so they are printed only with
--show; only you can read an exported file.

Exits with 0 if there are no dead letters, with 1 if there are, with 2 for wrong
usage and with 130 after Ctrl-C.`;

export function define(command: Command, io: Io): void {
  command
    .argument('[consumer]', 'whose dead letters, or `unrouted` (default: all of them)')
    .description('Lists dead letters by consumer and reason, and leaves them in place.');
  addLetterFilter(command)
    .option('--show', 'print each letter with its body')
    .option('--export <file>', 'save the letters as JSON Lines');
  addStackOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string | undefined, options: FailedOptions) => {
      io.exitCode = await failed(consumer, options, io);
    });
}

/** The matching letters of a queue. */
interface Found {
  readonly queue: LetterQueue;
  readonly reasons: Reasons;
  readonly result: LookResult;
  /** How many may succeed unchanged: those that hold a valid event; any letter of the archive. */
  readonly valid: number;
  /** Only for --show --json. */
  readonly letters: ReturnType<typeof exported>[];
}

/** @returns the exit code */
async function failed(name: string | undefined, options: FailedOptions, io: Io): Promise<number> {
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const queues = name === undefined ? letterQueues(stack) : [letterQueueOf(stack, name)];
  const file = options.export === undefined ? undefined : new LetterFile(options.export);
  let found: Found[];
  try {
    found = await look(queues, clients, options, file, signal, io);
  } catch (error) {
    file?.discard();
    throw error;
  }
  if (signal.aborted) file?.discard();
  else file?.finish();

  if (options.json) printJson(stack.name, found, signal.aborted, io);
  else printText(found, name, options, io);
  for (const { queue, result } of found) {
    const unseen = signal.aborted ? undefined : unseenLine(queue, result.unseen);
    if (unseen) io.say(unseen);
  }
  if (signal.aborted) {
    io.say(
      `Stopped after ${count(
        sum(found, (each) => each.result.seen),
        'letter',
      )}: all are back in their queues${file ? ', nothing was exported' : ''}.`,
    );
    return INTERRUPTED;
  }
  if (file) io.say(`Saved ${count(file.written, 'letter')} in ${file.path}`);
  const worst = found.toSorted((a, b) => b.reasons.total - a.reasons.total)[0];
  if (!worst || worst.reasons.total === 0) return 0;
  io.say(`\n${nextStep(worst, options)}`);
  return 1;
}

/** The next command: redrive these letters, or correct them first if none can succeed unchanged. */
function nextStep({ queue: { name }, valid }: Found, options: FailedOptions): string {
  if (valid > 0) {
    const canary = name === ARCHIVE ? [] : ['--canary'];
    const redrive = commandFor(options, 'redrive', name, ...filterOptions(options), ...canary);
    return `Next, once the cause is gone:\n  ${redrive}`;
  }
  const { export: file = `${name}.jsonl` } = options;
  const save = commandFor(
    options,
    'failed',
    name,
    ...filterOptions(options),
    ...shellOption('--export', file),
  );
  const lines = [
    `Next, since none of them holds a valid ${NOUN}, correct their bodies:`,
    ...(options.export === undefined ? [save] : []),
    commandFor(options, 'redrive', name, ...shellOption('--edit', file), '--canary'),
  ];
  return lines.join('\n  ');
}

async function look(
  queues: readonly LetterQueue[],
  { sqs }: Clients,
  options: FailedOptions,
  file: LetterFile | undefined,
  signal: AbortSignal,
  io: Io,
): Promise<Found[]> {
  const isWanted = letterFilter(options);
  const noun = queues.length === 1 && queues[0] ? queues[0].noun : 'dead letter';
  const step = progressOf(io, { silent: !io.stderr.isTTY }).step(`Looking at ${noun}s`);
  const progress = queues.map(() => ({ seen: 0, expected: 0 }));
  try {
    return await Promise.all(
      queues.map(async (queue, index) => {
        const reasons = new Reasons();
        const letters: Found['letters'] = [];
        let valid = 0;
        const visit = (letter: Letter) => {
          if (!isWanted(letter)) return;
          reasons.add(letter);
          if (queue.name === ARCHIVE || domain.events.eventIn(letter.body) !== undefined) valid++;
          file?.append(queue.name, [letter]);
          if (!options.show) return;
          if (options.json) letters.push(exported(queue.name, letter));
          else io.print(shown(queue.name, letter));
        };
        const result = await lookAtDeadLetters(sqs, queue.url, (message) => visit(queue.read(message)), {
          signal,
          onProgress(now) {
            progress[index] = now;
            step.bar(
              sum(progress, (each) => each.seen),
              sum(progress, (each) => each.expected),
            );
          },
        });
        return { queue, reasons, result, valid, letters };
      }),
    );
  } finally {
    step.done(
      `Looked at ${count(
        sum(progress, (each) => each.seen),
        noun,
      )}`,
    );
  }
}

function shown(consumer: string, letter: Letter): string {
  return [
    `${consumer}  ${letter.id ?? `no ${ID_FIELD}`}  ${time(letter.at)}  messageId ${printable(letter.messageId)}`,
    reasonOf(letter),
    `${printable(letter.body, Number.POSITIVE_INFINITY)}\n`,
  ].join('\n');
}

/** Leaves out unrouted messages if there are none and they were not asked for. */
function printText(found: Found[], name: string | undefined, options: FailedOptions, io: Io): void {
  const which = describeFilter(options);
  for (const { queue, reasons } of found) {
    if (queue.name === UNROUTED && name === undefined && reasons.total === 0) continue;
    io.print(`${headline(queue, reasons.total)}${which && ` (${which})`}`);
    if (reasons.total > 0) io.print(reasons.describe());
  }
}

function printJson(stack: string, found: Found[], interrupted: boolean, io: Io): void {
  const consumers: Record<string, object> = {};
  let unrouted: object | undefined;
  for (const { queue, reasons, result, letters } of found) {
    const listed = {
      unseen: result.unseen,
      reasons: reasons.list(),
      letters: letters.length > 0 ? letters : undefined,
    };
    if (queue.name === UNROUTED) unrouted = { messages: reasons.total, ...listed };
    else consumers[queue.name] = { deadLetters: reasons.total, ...listed };
  }
  io.printJson({ stack, interrupted, consumers, unrouted });
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((all, value) => all + of(value), 0);
}
