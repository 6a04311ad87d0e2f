#!/usr/bin/env node
/**
 * The operator's command line as a process. JavaScript, since Node takes 50 ms to learn to read TypeScript; what it
 * imports is compiled from the cache.
 */
import './domain.mjs';
import { enableCompileCache } from 'node:module';

enableCompileCache();
const [{ run }, { processIo }] = await Promise.all([
  import('../cli/main.ts'),
  import('../cli/terminal/io.ts'),
]);

// A reader that has seen enough, such as `head`, is not an error. The command ends as after Ctrl-C: it may have to tidy up.
let isRead = true;
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
  if (isRead && !process.emit('SIGTERM', 'SIGTERM')) process.exit();
  isRead = false;
});

process.exitCode = await run(process.argv.slice(2), processIo());
