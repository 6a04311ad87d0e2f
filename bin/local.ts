/** `npm start`: the whole stack on this machine, test orders through it, and the proof that every one is accounted for. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { endpointFile, localDirectory, runningStack } from '../cli/aws/local-stack.ts';
import { INTERRUPTED, untilInterrupted } from '../cli/terminal/interrupt.ts';
import { createProgress } from '../cli/terminal/progress.ts';
import { wholeNumber } from '../cli/usage/values.ts';
import { type LocalEndpoint, LocalRun } from '../local/run.ts';
import { synthesize } from '../local/synthesize.ts';
import { type LocalOrdersResult, runLocalOrders } from '../scenarios/local-orders.ts';

const PROJECT = path.join(import.meta.dirname, '..');

interface Options {
  orders: number;
  seed: number;
  port: number;
  keep: boolean;
  persist: boolean;
  json: boolean;
}

const command = new Command('npm start --')
  .description('Run the whole stack on this machine, send test orders through it and account for every one.')
  .option('--orders <count>', 'how many test orders are published', wholeNumber(1, 100_000), 1000)
  .option('--seed <number>', 'makes the same orders again', wholeNumber(0, 2 ** 32 - 1), 1)
  .option('--port <port>', 'port on 127.0.0.1, 0 for any free one', wholeNumber(0, 65_535), 0)
  .option('--keep', 'stay up afterwards, until Ctrl-C', false)
  .option('--persist', 'keep queues and tables in .local/state for the next run with --persist', false)
  .option('--json', 'print one JSON object on standard output, and no progress', false)
  .addHelpText(
    'after',
    `
Exit codes: 0 every order is accounted for, 1 something is missing or did not start, 2 wrong usage, 130 Ctrl-C.

Examples:
  npm start -- --orders 200 --seed 7
  npm start -- --keep --port 4566
  npm start --silent -- --json | jq .consumers`,
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

const interrupted = untilInterrupted();

try {
  process.exitCode = await main(command.parse().opts<Options>());
} catch (error) {
  if (interrupted.aborted) process.exitCode = INTERRUPTED;
  else {
    console.error(`npm start: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}

/** Resolves with the exit code. */
async function main(options: Options): Promise<number> {
  const kept = options.keep || options.persist;
  if (kept) refuseSecond();
  const workspace = kept ? localDirectory() : fs.mkdtempSync(path.join(os.tmpdir(), 'order-fan-out-'));
  const progress = createProgress({ silent: options.json });
  let run: LocalRun | undefined;
  let result: LocalOrdersResult | undefined;
  try {
    const synth = progress.step('Synthesizing the stack');
    const assembly = path.join(workspace, 'cdk.out');
    await synthesize(PROJECT, assembly).catch((error: Error) => {
      synth.fail('The stack could not be synthesized');
      throw error;
    });
    interrupted.throwIfAborted();
    synth.done('Synthesized the stack');

    const start = progress.step('Starting SNS, SQS, DynamoDB and the functions');
    run = await LocalRun.start({
      assembly,
      port: options.port,
      logDirectory: path.join(workspace, 'logs'),
      ...(options.persist && { stateDirectory: path.join(localDirectory(), 'state') }),
    }).catch((error: Error) => {
      start.fail('The stack did not start');
      throw error;
    });
    const { endpoint } = run;
    start.done(
      `${endpoint.stackName} is up at ${endpoint.endpoint}, with ${run.stack.functions.size} functions`,
    );
    interrupted.throwIfAborted();
    if (kept) fs.writeFileSync(endpointFile(), JSON.stringify(endpoint));

    result = await runLocalOrders({
      run,
      count: options.orders,
      seed: options.seed,
      progress,
      signal: interrupted,
    });
    console.log(options.json ? JSON.stringify(result.summary) : result.report);
    if (!options.json) console.log(`\nNot run on this machine:\n  ${run.stack.notRun.join('\n  ')}`);
    if (options.keep) await stayUp(endpoint, options.json);
  } finally {
    if (kept) fs.rmSync(endpointFile(), { force: true });
    await run?.stop();
    if (!kept) clearAway(workspace, result?.balanced === false);
  }
  return result?.balanced ? 0 : 1;
}

/** Removes what a run left on the disk, but not the logs of one whose books do not balance. */
function clearAway(workspace: string, isWorthALook: boolean): void {
  if (isWorthALook) console.error(`The logs of the functions are in ${path.join(workspace, 'logs')}`);
  else fs.rmSync(workspace, { recursive: true, force: true });
}

/** Only one stack at a time can be the one that `--local` finds. */
function refuseSecond(): void {
  fs.mkdirSync(localDirectory(), { recursive: true });
  const other = runningStack();
  if (!other) return;
  throw new Error(`a local stack is up already at ${other.endpoint}: stop it first (process ${other.pid})`);
}

/** Says how to go on and waits for Ctrl-C. */
async function stayUp({ endpoint, region }: LocalEndpoint, json: boolean): Promise<void> {
  if (!json) {
    console.log(`
The stack stays up at ${endpoint} until Ctrl-C. In another terminal:
  npm run orders -- publish --local --count 100 --wait
  AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=${region} aws --endpoint-url ${endpoint} sqs list-queues
Logs of the functions: ${path.relative('', path.join(localDirectory(), 'logs'))}`);
  }
  await pause(2 ** 31 - 1, undefined, { signal: interrupted }).catch(() => {});
}
