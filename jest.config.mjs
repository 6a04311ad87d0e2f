import path from 'node:path';

// Some tests start the programs as processes of their own, which so take half the time to start.
process.env.NODE_COMPILE_CACHE ??= path.resolve('node_modules/.cache/compile');

const project = (displayName, tests) => ({
  displayName,
  // Plain Node processes: no transform, and the CDK and the SDK are loaded once in each, not once in each file.
  runner: ['jest-light-runner', { runtime: 'child_process' }],
  setupFiles: ['<rootDir>/test/runner/setup.ts'],
  testMatch: [`<rootDir>/${tests}/**/*.test.ts`],
});

/** @type {import('jest').Config} */
export default {
  maxWorkers: '100%',
  projects: [
    project('fan-out', 'test/{unit,integration}'),
    // What `npm run test:all` adds.
    project('local-run', 'packages/local-run/test'),
    project('e2e', 'test/e2e'),
  ],
};
