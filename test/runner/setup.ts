/**
 * What jest-light-runner leaves to us, once in each process of a test run. It runs tests in plain Node, and the processes share
 * what they have loaded; handlers, which read the environment as they are loaded, and fixtures are loaded anew for each test file.
 */
import { hash } from 'node:crypto';
import { registerHooks } from 'node:module';
import { addEventHandler } from 'jest-circus';

const TIMEOUT_MS = 120_000;
const GLOBALS = new URL('./globals.ts', import.meta.url).href;

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (specifier === '@jest/globals') specifier = GLOBALS;
    const resolved = nextResolve(specifier, context);
    const [file, query] = resolved.url.split('?');
    // The runner imports a test file with a query of its own, which is new each time: no cache would know the modules again.
    if (query && file?.endsWith('.test.ts')) return { ...resolved, url: `${file}?of=${hash('sha1', file)}` };
    const ofTest = context.parentURL && new URL(context.parentURL).search;
    const isOwn = /^file:(?!.*\/node_modules\/)(.*\/(lambda|test)\/|.*\/handler\.ts$)/.test(resolved.url);
    return ofTest && isOwn && !query ? { ...resolved, url: resolved.url + ofTest } : resolved;
  },
});

// The runner has no time limit.
const { setTimeout, clearTimeout } = globalThis;
addEventHandler((event, { currentDescribeBlock: { children, hooks } }) => {
  const added =
    event.name === 'add_test' ? children.at(-1) : event.name === 'add_hook' ? hooks.at(-1) : undefined;
  if (!added || !('fn' in added) || !added.fn) return;
  const run = added.fn as () => unknown;
  const limit = added.timeout ?? TIMEOUT_MS;
  added.fn = async () => {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`not done after ${limit / 1_000} s`)), limit);
    try {
      await Promise.race([run(), promise]);
    } finally {
      clearTimeout(timer);
    }
  };
});
