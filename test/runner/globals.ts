/** What `@jest/globals` is in a test. It is loaded for each test file, which so begins with the environment of the process. */
type Shared = typeof import('@jest/globals') & { processEnv?: NodeJS.ProcessEnv };
const shared = globalThis as unknown as Shared;

shared.processEnv ??= { ...process.env };
for (const name of Object.keys(process.env)) delete process.env[name];
Object.assign(process.env, shared.processEnv);

export const { describe, expect, test, beforeAll, beforeEach, afterAll, afterEach, jest } = shared;
