import path from 'node:path';

const cache = path.resolve('node_modules/.cache');
// Some tests start the programs as processes of their own, which so take half the time to start.
process.env.NODE_COMPILE_CACHE ??= path.join(cache, 'compile');

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  // More than the cores of a small machine, because whole runs wait more than they compute.
  maxWorkers: 6,
  // Generous, for machines under load: a test ends on what it waits for, not on time.
  testTimeout: 120_000,
  roots: ['<rootDir>/test'],
  // Without the end-to-end runs and the tests of the emulators, which jest.all.config.mjs adds.
  testMatch: ['<rootDir>/test/!(e2e)/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/test/integration/local/'],
  cacheDirectory: path.join(cache, 'jest'),
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
};
