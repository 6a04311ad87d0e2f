import config from './jest.config.mjs';

/** @type {import('jest').Config} */
export default {
  ...config,
  roots: ['<rootDir>/test', '<rootDir>/packages/local-run/test'],
  testMatch: ['**/*.test.ts'],
};
