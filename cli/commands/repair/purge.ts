/** `purge`: deletes dead letters after confirmation, and saves them to a file first. */
import type { Command } from 'commander';
import type { Clients } from '../../aws/clients.ts';
import { connect } from '../../aws/stack.ts';
import { LetterFile } from '../../dead-letters/letter-file.ts';
import { type LetterQueue, letterQueueOf } from '../../dead-letters/letter-queue.ts';
import { forEachBatch } from '../../dead-letters/look.ts';
import { describeFilter, headline } from '../../dead-letters/reasons.ts';
import { addLetterFilter, type LetterFilter } from '../../options/letter-filter.ts';
import { addStackOptions, commandFor, type StackOptions } from '../../options/stack-options.ts';
import type { Plan } from '../../redrive/plan.ts';
import { planWithProgress } from '../../redrive/report.ts';
import { deleteLetters } from '../../redrive/send-back.ts';
import { ask, canAsk } from '../../terminal/ask.ts';
import { usageError } from '../../terminal/command-error.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { type Progress, progressOf } from '../../terminal/progress.ts';
import { count, format } from '../../terminal/text.ts';
import { CONSUMER, examples, NOUN, NOUNS } from '../../terminal/words.ts';

interface PurgeOptions extends StackOptions, LetterFilter {
  readonly deadLetters?: boolean;
  readonly yes?: boolean;
  /** Where the letters are saved; false for nowhere. */
  readonly export?: string | false;
}

const EXAMPLES = `
${examples(
  `purge ${CONSUMER} --dead-letters`,
  `purge ${CONSUMER} --dead-letters --reason NotJson --local`,
  `purge ${CONSUMER} --dead-letters --yes --export gone.jsonl`,
  `purge unrouted --dead-letters --reason ${NOUN}.deleted`,
)}

Deletes only letters that it counted and, unless --no-export is given, saved.
Letters that arrive meanwhile stay. A saved letter can be corrected and
published again: its ${NOUN} is in the body.

Exits with 0 if all of them were deleted, with 1 if not, with 2 for wrong usage
and with 130 after Ctrl-C.`;

export function define(command: Command, io: Io): void {
  command
    .argument('<consumer>', 'whose dead letters, or `unrouted`')
    .description('Shows the dead letters of a consumer by reason, asks, saves them and deletes them.')
    .option('--dead-letters', 'required: nothing else can be purged');
  addLetterFilter(command)
    .option('--yes', 'do not ask')
    .option('--export <file>', 'where to save them (default: a new file in this directory)')
    .option('--no-export', 'do not save them');
  addStackOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (consumer: string, options: PurgeOptions) => {
      io.exitCode = await purge(consumer, options, io);
    });
}

/** @returns the exit code */
async function purge(name: string, options: PurgeOptions, io: Io): Promise<number> {
  if (!options.deadLetters) {
    throw usageError(`Say what to purge: --dead-letters. A queue of waiting ${NOUNS} is never purged`);
  }
  if (!options.yes && !canAsk(io)) {
    throw usageError('There is no terminal to ask on: add --yes to delete without being asked');
  }
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const queue = letterQueueOf(stack, name);
  const progress = progressOf(io, { silent: options.json === true });

  const plan = await planWithProgress({ clients, progress, signal, io }, queue, { filter: options });
  if (!signal.aborted) announce(queue, options, plan, io);
  const letters = plan.wanted.size;
  // A file that cannot be written is reported before the question.
  const path = letters > 0 && options.export !== false ? (options.export ?? newFile(name)) : undefined;
  const file = path === undefined || signal.aborted ? undefined : new LetterFile(path);
  if (signal.aborted || (letters > 0 && !options.yes && !(await isConfirmed(name, letters, signal, io)))) {
    file?.discard();
    io.say('Nothing was deleted.');
    return signal.aborted ? INTERRUPTED : 1;
  }
  const result: Deletion =
    letters > 0 ? await deleteAll(clients, queue, plan, file, progress, signal) : { deleted: 0 };
  const { deleted } = result;
  if (options.json) {
    const reasons = plan.reasons.list();
    io.printJson({
      stack: stack.name,
      consumer: name,
      letters,
      deleted,
      reasons,
      export: file?.path ?? null,
    });
  } else if (letters > 0) io.print(`Deleted ${format(deleted)} of ${count(letters, queue.noun)} of ${name}`);
  if (file) io.say(`Saved ${count(file.written, 'letter')} in ${file.path}`);
  if ('error' in result) throw result.error;
  if (signal.aborted) return INTERRUPTED;
  if (deleted < letters) {
    io.say(
      `The others are still there, or were gone by then.\n\nNext:\n  ${commandFor(options, 'failed', name)}`,
    );
    return 1;
  }
  return 0;
}

/** On standard error with --json: the question needs the context. */
function announce(queue: LetterQueue, options: PurgeOptions, { wanted, reasons }: Plan, io: Io): void {
  const which = describeFilter(options);
  const print = (line: string) => (options.json ? io.say(line) : io.print(line));
  print(`${headline(queue, wanted.size)}${which && ` (${which})`}`);
  if (wanted.size > 0) print(reasons.describe());
}

async function isConfirmed(name: string, letters: number, signal: AbortSignal, io: Io): Promise<boolean> {
  return (await ask(`Type ${name} to delete ${count(letters, 'letter')} for good: `, signal, io)) === name;
}

/** How many letters were deleted, and what stopped the rest. */
type Deletion = { readonly deleted: number } | { readonly deleted: number; readonly error: unknown };

/** Saves and deletes the letters of the plan; each is synced to disk before it is deleted. */
async function deleteAll(
  { sqs }: Clients,
  { name, url, read }: LetterQueue,
  { wanted }: Plan,
  file: LetterFile | undefined,
  progress: Progress,
  signal: AbortSignal,
): Promise<Deletion> {
  const step = progress.step('Deleting');
  const left = new Set(wanted);
  const done = new AbortController();
  let deleted = 0;
  const handle: Parameters<typeof forEachBatch>[2] = async (messages) => {
    const letters = messages.filter(({ MessageId = '' }) => left.delete(MessageId));
    if (letters.length === 0) return [];
    file?.append(name, letters.map(read));
    file?.sync();
    const gone = await deleteLetters(sqs, url, letters);
    deleted += gone.length;
    step.bar(deleted, wanted.size);
    if (left.size === 0) done.abort();
    return gone;
  };
  try {
    await forEachBatch(sqs, url, handle, { signal: AbortSignal.any([signal, done.signal]) });
    file?.close();
    step.done(`Deleted ${format(deleted)}`);
    return { deleted };
  } catch (error) {
    step.fail(`Deleted ${format(deleted)}; then it failed`);
    return { deleted, error };
  }
}

function newFile(consumer: string): string {
  return `${consumer}-dead-letters-${new Date().toISOString().replace(/[:.]/g, '-')}.jsonl`;
}
