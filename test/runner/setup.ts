/**
 * What jest-light-runner leaves to us, once in each process of a test run. It runs tests in plain Node, and the processes share
 * what they have loaded from node_modules; our own modules are loaded anew for each test file, which so has their state to itself.
 */
import { registerHooks } from 'node:module';
import { addEventHandler } from 'jest-circus';

const TIMEOUT_MS = 120_000;
const GLOBALS = new URL('./globals.ts', import.meta.url).href;

registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved =
      specifier === '@jest/globals' ? { url: GLOBALS, shortCircuit: true } : nextResolve(specifier, context);
    // The runner imports each test file with a query of its own.
    const query = context.parentURL && new URL(context.parentURL).search;
    const isOurs = resolved.url.startsWith('file:') && !resolved.url.includes('/node_modules/');
    return query && isOurs && !resolved.url.includes('?')
      ? { ...resolved, url: resolved.url + query }
      : resolved;
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
