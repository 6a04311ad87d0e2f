import path from 'node:path';
import config from '../../jest.config.mjs';

/** @type {import('jest').Config} */
export default {
  ...config,
  setupFiles: [path.resolve(import.meta.dirname, '../../test/runner/setup.ts')],
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
};
