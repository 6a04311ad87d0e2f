/** `npm run chaos`: the local stack on a bad day, and the proof that nothing is lost and nothing done twice. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { INTERRUPTED, untilInterrupted } from '../cli/terminal/interrupt.ts';
import { createProgress } from '../cli/terminal/progress.ts';
import { wholeNumber } from '../cli/usage/values.ts';
import { synthesize } from '../local/synthesize.ts';
import { type ChaosResult, runChaos } from '../scenarios/chaos.ts';

const PROJECT = path.join(import.meta.dirname, '..');

interface Options {
  orders: number;
  seed: number;
  assembly?: string;
  json: boolean;
}

const command = new Command('npm run chaos --')
  .description(
    'Run the local stack under injected faults, kill and restart it on the way, redrive what was dead-lettered, and prove that nothing is lost and nothing is done twice.',
  )
  // Fewer do not give every fault a chance.
  .option('--orders <count>', 'how many test orders are published', wholeNumber(50, 100_000), 500)
  .option(
    '--seed <number>',
    'chooses the orders, the faults and the moments of the kills',
    wholeNumber(0, 2 ** 32 - 1),
    1,
  )
  .option('--assembly <directory>', 'a cloud assembly to run instead of synthesizing the stack')
  .option('--json', 'print one JSON object on standard output, and no progress', false)
  .addHelpText(
    'after',
    `
Exit codes: 0 everything is proved, 1 something is not or did not start, 2 wrong usage, 130 Ctrl-C.

Examples:
  npm run chaos -- --orders 2000 --seed 1
  npm run chaos --silent -- --json | jq .faults`,
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

const interrupted = untilInterrupted();

try {
  process.exitCode = await main(command.parse().opts<Options>());
} catch (error) {
  if (interrupted.aborted) process.exitCode = INTERRUPTED;
  else {
    console.error(`npm run chaos: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}

/** Resolves with the exit code. */
async function main({ orders, seed, assembly, json }: Options): Promise<number> {
  const progress = createProgress({ silent: json });
  const workspace = fs.mkdtempSync(path.join(os.tmpdir(), 'order-fan-out-chaos-'));
  let result: ChaosResult | undefined;
  try {
    if (!assembly) {
      const synth = progress.step('Synthesizing the stack');
      await synthesize(PROJECT, path.join(workspace, 'cdk.out')).catch((error: Error) => {
        synth.fail('The stack could not be synthesized');
        throw error;
      });
      interrupted.throwIfAborted();
      synth.done('Synthesized the stack');
    }
    result = await runChaos({
      assembly: assembly ? path.resolve(assembly) : path.join(workspace, 'cdk.out'),
      workspace,
      orders,
      seed,
      progress,
      signal: interrupted,
    });
    console.log(json ? JSON.stringify(result.summary) : result.report);
    if (!result.proved) {
      const same = assembly ? ` --assembly ${assembly}` : '';
      console.error(`To repeat it: npm run chaos -- --orders ${orders} --seed ${seed}${same}`);
    }
  } finally {
    if (result?.proved || interrupted.aborted) fs.rmSync(workspace, { recursive: true, force: true });
    else if (fs.existsSync(path.join(workspace, 'logs'))) {
      console.error(`The functions' logs are in ${path.join(workspace, 'logs')}`);
    }
  }
  return result?.proved ? 0 : 1;
}
