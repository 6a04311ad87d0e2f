// `orders purge`: deletes dead letters, saved to a file first, once somebody has said so.

import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { ConsumerHandles } from '../contract/stack-outputs.ts';
import type { Clients } from './clients.ts';
import { goRound } from './dead-letters.ts';
import { wrongUsage } from './fault.ts';
import { INTERRUPTED, untilInterrupted } from './interrupt.ts';
import {
  addLetterFilter,
  describeFilter,
  headline,
  type LetterFilter,
  readLetter,
  unseenLine,
} from './letter.ts';
import { LetterFile } from './letter-file.ts';
import { createProgress, type Progress } from './progress.ts';
import { type Plan, planRedrive } from './redrive-plan.ts';
import { deleteLetters } from './send-back.ts';
import { addStackOptions, commandFor, connect, consumerOf, type StackOptions } from './stack.ts';
import { count, format } from './table.ts';

interface Options extends StackOptions, LetterFilter {
  readonly deadLetters?: boolean;
  readonly yes?: boolean;
  /** Where the letters are saved; false for nowhere. */
  readonly export?: string | false;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  npm run orders -- purge billing --dead-letters
  npm run orders -- purge billing --dead-letters --reason NotJson --local
  npm run orders -- purge billing --dead-letters --yes --export gone.jsonl

Only letters that were counted and, unless there is --no-export, saved are
deleted. Those that come meanwhile stay. A saved letter can be corrected and
published anew: its order is in the body.

Exits with 0 if all of them were deleted, with 1 if not, with 2 for wrong usage
and with 130 after Ctrl-C.`;

/** Adds the verb to the command line. */
export function addPurge(program: Command): void {
  const command = program
    .command('purge')
    .argument('<consumer>', 'whose dead letters')
    .summary('delete dead letters')
    .description('Deletes dead letters of a consumer: shows them by reason, asks, saves them, deletes them.')
    .option('--dead-letters', 'what to purge; there is nothing else');
  addLetterFilter(command)
    .option('--yes', 'do not ask')
    .option('--export <file>', 'where to save them (default: a new file in this directory)')
    .option('--no-export', 'do not save them');
  addStackOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string, options: Options) => {
      process.exitCode = await purge(consumer, options);
    });
}

/** @returns the exit code */
async function purge(name: string, options: Options): Promise<number> {
  if (!options.deadLetters) {
    throw wrongUsage('Say what to purge: --dead-letters. A queue of waiting orders is never purged');
  }
  if (!options.yes && !(process.stdin.isTTY && process.stderr.isTTY)) {
    throw wrongUsage('There is no terminal to ask on: add --yes to delete without being asked');
  }
  const signal = untilInterrupted();
  const { clients, stack } = await connect(options);
  const consumer = consumerOf(stack, name);
  const progress = createProgress({ silent: options.json === true });

  const plan = await look(clients, consumer, options, progress, signal);
  if (!signal.aborted) say(name, options, plan);
  const letters = plan.wanted.size;
  if (signal.aborted || (letters > 0 && !options.yes && !(await isConfirmed(name, letters, signal)))) {
    console.error('Nothing was deleted.');
    return signal.aborted ? INTERRUPTED : 1;
  }
  let deleted = 0;
  let file: LetterFile | undefined;
  if (letters > 0) {
    file = options.export === false ? undefined : new LetterFile(options.export ?? newFile(name));
    deleted = await deleteAll(clients, consumer, plan, file, progress, signal);
  }
  if (options.json) {
    const reasons = plan.reasons.list();
    console.log(
      JSON.stringify({
        stack: stack.name,
        consumer: name,
        letters,
        deleted,
        reasons,
        export: file?.path ?? null,
      }),
    );
  } else if (letters > 0)
    console.log(`Deleted ${format(deleted)} of ${count(letters, 'dead letter')} of ${name}`);
  if (file) console.error(`Saved ${count(file.written, 'letter')} in ${file.path}`);
  if (signal.aborted) return INTERRUPTED;
  if (deleted < letters) {
    console.error(
      `The others are still there, or had gone meanwhile.\n\nNext:\n  ${commandFor(options, 'failed', name)}`,
    );
    return 1;
  }
  return 0;
}

async function look(
  { sqs }: Clients,
  consumer: ConsumerHandles,
  filter: LetterFilter,
  progress: Progress,
  signal: AbortSignal,
): Promise<Plan> {
  const step = progress.step('Looking at dead letters');
  const onProgress = ({ seen, expected }: { seen: number; expected: number }) => step.bar(seen, expected);
  try {
    const plan = await planRedrive({ sqs }, consumer, { filter }, { signal, onProgress });
    step.done(`Looked at ${count(plan.earlier.size, 'dead letter')}`);
    return plan;
  } catch (error) {
    step.fail('Could not look at the dead letters');
    throw error;
  }
}

/** With --json on standard error: whoever is asked has to know about what. */
function say(name: string, options: Options, { wanted, reasons, unseen }: Plan): void {
  const which = describeFilter(options);
  const print = options.json ? console.error : console.log;
  print(`${headline(name, wanted.size)}${which && ` (${which})`}`);
  if (wanted.size > 0) print(reasons.describe());
  const rest = unseenLine(name, unseen);
  if (rest) console.error(rest);
}

async function isConfirmed(name: string, letters: number, signal: AbortSignal): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // A terminal in raw mode sends Ctrl-C as a key and not as a signal.
  terminal.on('SIGINT', () => process.emit('SIGINT'));
  try {
    const answer = await terminal.question(`Type ${name} to delete ${count(letters, 'letter')} for good: `, {
      signal,
    });
    return answer.trim() === name;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    terminal.close();
  }
}

/** Saves and deletes the letters of the plan; each is on the disk before it is deleted. */
async function deleteAll(
  { sqs }: Clients,
  { name, deadLetterQueueUrl }: ConsumerHandles,
  { wanted }: Plan,
  file: LetterFile | undefined,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  const step = progress.step('Deleting');
  const left = new Set(wanted);
  const done = new AbortController();
  let deleted = 0;
  const handle: Parameters<typeof goRound>[2] = async (messages) => {
    const letters = messages.filter(({ MessageId = '' }) => left.delete(MessageId));
    if (letters.length === 0) return [];
    for (const letter of letters) file?.write(name, readLetter(letter));
    file?.sync();
    const gone = await deleteLetters(sqs, deadLetterQueueUrl, letters);
    deleted += gone.length;
    step.bar(deleted, wanted.size);
    if (left.size === 0) done.abort();
    return gone;
  };
  try {
    await goRound(sqs, deadLetterQueueUrl, handle, { signal: AbortSignal.any([signal, done.signal]) });
    step.done(`Deleted ${format(deleted)}`);
  } catch (error) {
    step.fail(`Deleted ${format(deleted)}; then it failed`);
    throw error;
  } finally {
    file?.close();
  }
  return deleted;
}

function newFile(consumer: string): string {
  return `${consumer}-dead-letters-${new Date().toISOString().replace(/[:.]/g, '-')}.jsonl`;
}
