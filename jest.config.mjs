import os from 'node:os';
import path from 'node:path';

// Many tests start the programs as processes of their own, which so take half the time to start.
process.env.NODE_COMPILE_CACHE ??= path.join(os.tmpdir(), 'order-fan-out-compile-cache');

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  // More than the cores of a small machine, because whole runs wait more than they compute.
  maxWorkers: 4,
  // Generous, for machines under load: a test ends on what it waits for, not on time.
  testTimeout: 120_000,
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
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
