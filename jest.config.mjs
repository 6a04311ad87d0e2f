import path from 'node:path';

// Some tests start the programs as processes of their own, which so take half the time to start.
process.env.NODE_COMPILE_CACHE ??= path.resolve('node_modules/.cache/compile');

/** @type {import('jest').Config} */
export default {
  // Plain Node processes: no transform, and the CDK and the SDK are loaded once in each, not once in each file.
  runner: ['jest-light-runner', { runtime: 'child_process' }],
  setupFiles: ['<rootDir>/test/runner/setup.ts'],
  maxWorkers: '100%',
  roots: ['<rootDir>/test'],
  // Without the end-to-end runs and the tests of packages/, which jest.all.config.mjs adds.
  testMatch: ['<rootDir>/test/!(e2e)/**/*.test.ts'],
};
