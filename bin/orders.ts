#!/usr/bin/env node
// The operator's command line. A verb is a file in cli/; what they have in common is here: help, errors, exit codes.
import { Command, CommanderError } from 'commander';
import { addFailed } from '../cli/failed.ts';
import { explain, Fault } from '../cli/fault.ts';
import { addPublish } from '../cli/publish.ts';
import { addPurge } from '../cli/purge.ts';
import { addRedrive } from '../cli/redrive.ts';
import { addStatus } from '../cli/status.ts';
import { addStock } from '../cli/stock.ts';
import { addTail } from '../cli/tail.ts';
import { addTrace } from '../cli/trace.ts';
import { addWatch } from '../cli/watch.ts';

const program = new Command('npm run orders --')
  .description('Operates the order fan-out, on AWS or on this machine.')
  .exitOverride()
  .showHelpAfterError('(--help shows what is possible)');
addPublish(program);
addFailed(program);
addRedrive(program);
addPurge(program);
addStatus(program);
addWatch(program);
addTrace(program);
addStock(program);
addTail(program);

// A reader that has seen enough, such as `head`, is no fault. The command ends as after Ctrl-C: it may have to tidy up.
let isHeard = true;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (isHeard && !process.emit('SIGTERM', 'SIGTERM')) process.exit();
  isHeard = false;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

/** Says what went wrong; a stack only where nobody expected it. */
function exitCodeOf(error: unknown): number {
  // Commander has printed what it had to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  console.error(explain(error) ?? error);
  return error instanceof Fault ? error.exitCode : 1;
}
