#!/usr/bin/env node
/** `npm run orders`: the operator's command line as a process. */
import { run } from '../cli/main.ts';
import { processIo } from '../cli/terminal/io.ts';

// A reader that has seen enough, such as `head`, is no error. The command ends as after Ctrl-C: it may have to tidy up.
let isHeard = true;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (isHeard && !process.emit('SIGTERM', 'SIGTERM')) process.exit();
  isHeard = false;
});

process.exitCode = await run(process.argv.slice(2), processIo());
