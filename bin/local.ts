/** `npm start`: runs the whole stack on this machine, publishes test events, and proves that every one is accounted for. */
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LocalRun, type LocalRunOptions } from '@order-fan-out/local-run/run';
import { localDirectory } from '../cli/aws/local-stack.ts';
import { wholeNumber } from '../cli/options/values.ts';
import type { Progress } from '../cli/terminal/progress.ts';
import { count, printable, json as toJson } from '../cli/terminal/text.ts';
import { CHANGE, CONDITION, examplesOf, NOUN, NOUNS, PROGRAM, START } from '../cli/terminal/words.ts';
import { type ProgramOptions, program, runProgram, synthesizeProject } from '../scenarios/program.ts';
import { Claim } from '../scenarios/start/claim.ts';
import {
  type LocalEventsResult,
  localEvents,
  localFaults,
  runLocalEvents,
} from '../scenarios/start/local-events.ts';
import { summaryObject } from '../scenarios/start/report.ts';
import { chooseSeed, noteSeed } from '../scenarios/start/seeds.ts';
import { Workspace } from '../scenarios/workspace.ts';

/** How long a stack that stays up waits to fill a batch, whatever its window. */
const BATCH_MS = 1_000;

/** Each domain has its own. */
const STATE = ['state', CONDITION].filter(Boolean).join('-');

interface Options extends ProgramOptions {
  port: number;
  keep: boolean;
  persist: boolean;
}

const command = program(
  START,
  `Run the whole stack on this machine, send test ${NOUNS} through it and account for every one.`,
  { least: 1, standard: 1000 },
  `
Exit codes: 0 every ${NOUN} is accounted for, 1 something is missing or did not start, 2 wrong usage, 130 Ctrl-C.

${examplesOf(START, [
  `--${NOUNS} 200 --seed 7`,
  ...(CHANGE ? [`--${CHANGE.plural} 10%`] : []),
  '--keep --port 4566',
  '--ordered',
  '--json | jq .consumers',
])}`,
)
  .option('--port <port>', 'port on 127.0.0.1, 0 for any free one', wholeNumber(0, 65_535), 0)
  .option('--keep', 'stay up afterwards, until Ctrl-C', false)
  .option(
    '--persist',
    `keep queues, tables and archive in .local/${STATE} for the next run with --persist`,
    false,
  );

await runProgram(command, async (options: Options, progress, signal) => {
  const { json } = options;
  const kept = options.keep || options.persist;
  // Before anything starts: `--local` finds only one stack, and only one can keep its state.
  const claim = kept ? new Claim(localDirectory()) : undefined;
  const workspace = kept ? undefined : new Workspace();
  const directory = workspace?.directory ?? localDirectory();
  const assembly = path.join(directory, 'cdk.out');
  const logDirectory = path.join(directory, 'logs');
  const stateDirectory = options.persist ? path.join(directory, STATE) : undefined;
  let run: LocalRun | undefined;
  let result: LocalEventsResult | undefined;
  try {
    const isChosen = command.getOptionValueSource('seed') === 'cli';
    const seed = stateDirectory ? chooseSeed(stateDirectory, options.seed, isChosen) : options.seed;
    await synthesizeProject(assembly, options, progress, signal);
    const messages = localEvents(options.count, seed, options.changes);
    run = await startStack(progress, {
      assembly,
      port: options.port,
      logDirectory,
      faults: localFaults(messages, seed, assembly, logDirectory),
      stateDirectory,
    });
    const ended = AbortSignal.any([signal, run.failed]);
    ended.throwIfAborted();
    claim?.announce(run.endpoint);

    if (stateDirectory) noteSeed(stateDirectory, seed);
    result = await runLocalEvents({ run, messages, logDirectory, progress, signal: ended });
    console.log(json ? toJson(summaryObject(result.summary)) : result.report);
    if (!json) console.log(`\nNot run on this machine:\n  ${run.stack.notRun.join('\n  ')}`);
    if (options.keep) await stayUp(run, json, ended);
  } finally {
    claim?.withdraw();
    await stop(run).finally(() => {
      claim?.release();
      workspace?.end(result?.balanced || signal.aborted);
    });
    // Other failures are a consequence.
    run?.failed.throwIfAborted();
  }
  return result.balanced;
});

async function startStack(progress: Progress, options: LocalRunOptions): Promise<LocalRun> {
  const start = progress.step('Starting SNS, SQS, DynamoDB, S3 and the functions');
  const run = await LocalRun.start(options).catch((error: Error) => {
    start.fail('The stack did not start');
    throw error;
  });
  const { stackName, endpoint } = run.endpoint;
  start.done(`${stackName} is up at ${endpoint}, with ${count(run.stack.functions.size, 'function')}`);
  return run;
}

/** A failure is reported even after Ctrl-C: kept state may be incomplete. */
async function stop(run: LocalRun | undefined): Promise<void> {
  await run?.stop().catch((error: Error) => {
    console.error(printable(`The stack did not stop as it should: ${error.message}`));
    throw error;
  });
}

/** Says what to do next and waits for Ctrl-C, or for the end of the emulators. */
async function stayUp(run: LocalRun, json: boolean, signal: AbortSignal): Promise<void> {
  const { endpoint, region } = run.endpoint;
  if (!json) {
    console.log(`
The stack stays up at ${endpoint} until Ctrl-C. In another terminal:
  ${PROGRAM} publish --local --count 100 --wait
  AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=${region} aws --endpoint-url ${endpoint} sqs list-queues
Logs of the functions: ${path.relative('', path.join(localDirectory(), 'logs'))}`);
  }
  const batches = setInterval(() => run.endBatchingWindows(), BATCH_MS);
  await pause(2 ** 31 - 1, undefined, { signal }).catch(() => {});
  clearInterval(batches);
}
