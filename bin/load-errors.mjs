/** Tells in one line what a program lacks that cannot be loaded: as a rule, a domain that is half done. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

// An error of a worker goes to the thread that started it.
if (isMainThread) process.on('uncaughtException', tell);

function tell(error) {
  // The stack of an error in a module's text begins with its place, where a module that lacks an export is imported.
  const [, file, line] = /^(file:\/\/\S+?):(\d+)\n/.exec(error?.stack ?? '') ?? [];
  const isOfLoading = error?.code === 'ERR_MODULE_NOT_FOUND' || (error instanceof SyntaxError && file);
  const where = file ? ` (${relative('', fileURLToPath(file))}:${line})` : '';
  console.error(
    isOfLoading
      ? `${error.message.replaceAll(`${process.cwd()}/`, '')}${where}. What else is missing: npm run typecheck`
      : error,
  );
  process.exit(1);
}
