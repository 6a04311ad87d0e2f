/**
 * Plants small faults and says which of them no test notices: `TESTS=test/unit/domain npm run mutants -- --mutate domain/order.ts`.
 * Stryker is fetched when it is asked for. Its runner for Jest does not know ours, so each mutant starts the tests anew, in about
 * a second and a half: name the few that cover the file.
 */
export default {
  testRunner: 'command',
  commandRunner: { command: `npm test -- --bail --maxWorkers=1 ${process.env.TESTS ?? 'test/unit'}` },
  concurrency: 2,
  reporters: ['clear-text', 'progress'],
  // Stryker looks into tsconfig.json by TypeScript's old API, which version 7 does not have.
  tsconfigFile: 'none',
  tempDirName: '.stryker',
  cleanTempDir: 'always',
};
