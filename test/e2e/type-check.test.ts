import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { findTypeProblems } from '../../lib/type-check.ts';
import { PROJECT } from '../fixtures/project.ts';

const CATALOGUE = `import { readingEvents } from '${PROJECT}/test/fixtures/readings.ts';
import { eventConsumer } from '${PROJECT}/lambda/event-consumer.ts';
`;
const TAKEN = "'reading.taken': async () => 'created'";
const RETRACTED = "'reading.retracted': async () => 'retracted'";
const handlerOf = (functions: string) =>
  `${CATALOGUE}export const handler = eventConsumer(readingEvents, { ${functions} });\n`;

const { FORCE_COLOR } = process.env;

// As CDK's command line does.
beforeAll(() => {
  process.env.FORCE_COLOR = '1';
});

afterAll(() => {
  if (FORCE_COLOR === undefined) delete process.env.FORCE_COLOR;
  else process.env.FORCE_COLOR = FORCE_COLOR;
});

test('a handler has to have a function for each event that its consumer takes, and to return what the catalogue has', async () => {
  const consumers = {
    whole: { eventTypes: ['reading.taken', 'reading.retracted'] },
    more: { eventTypes: ['reading.taken'] },
    lacking: { eventTypes: ['reading.taken', 'reading.retracted'] },
    empty: { eventTypes: ['reading.taken', 'reading.retracted'] },
    wrong: { eventTypes: ['reading.taken'] },
    all: {},
    own: { eventTypes: ['reading.taken'] },
    missing: { eventTypes: ['reading.taken'] },
  };

  const lines = await problemsOf(consumers, {
    whole: handlerOf(`${TAKEN}, ${RETRACTED}`),
    more: handlerOf(`${TAKEN}, ${RETRACTED}`),
    lacking: handlerOf(TAKEN),
    empty: handlerOf(''),
    wrong: handlerOf("'reading.taken': async () => 'done'"),
    all: handlerOf(TAKEN),
    own: 'export const handler = async () => {};\n',
  });

  expect(lines.toSorted()).toEqual([
    'consumers.empty in lib/config.ts takes reading.retracted and reading.taken, for which empty/handler.ts has no function: write it, or take it out of eventTypes',
    'consumers.lacking in lib/config.ts takes reading.retracted, for which lacking/handler.ts has no function: write it, or take it out of eventTypes',
    expect.stringMatching(/^wrong\/handler\.ts\(3,\d+\): error TS2322: .*"done"/),
  ]);
});

test('of many problems the first ten are told, and how many more there are', async () => {
  const lines = await problemsOf(
    {},
    {},
    'export const domain: string = 1;\n'.replace('domain', 'd0') + wrongLines(12),
  );

  expect(lines).toHaveLength(11);
  expect(lines[0]).toMatch(
    /^domain\.ts\(1,14\): error TS2322: Type 'number' is not assignable to type 'string'\.$/,
  );
  expect(lines[10]).toBe('and 3 more: npm run typecheck');
});

function wrongLines(count: number): string {
  return Array.from({ length: count }, (_, index) => `export const e${index}: string = ${index};\n`).join('');
}

/** @returns the lines, with paths from the folder that holds the handlers */
async function problemsOf(
  consumers: Record<string, { eventTypes?: string[] }>,
  handlers: Record<string, string>,
  domain = 'export const domain = {};\n',
): Promise<string[]> {
  const folder = temporaryFolder('typed-');
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
    return join(folder, file);
  };
  write('package.json', '{ "type": "module" }');
  const entryOf = (name: string) => join(folder, name, 'handler.ts');
  for (const [name, text] of Object.entries(handlers)) write(`${name}/handler.ts`, text);
  const settings = JSON.stringify(consumers).replaceAll(']', '] as const');
  const lines = await findTypeProblems({
    domain: write('domain.ts', domain),
    config: write('config.ts', `export const consumers = ${settings};\n`),
    consumers,
    entryOf,
  });
  return lines.map((line) => line.replaceAll(`${relative(PROJECT, folder)}/`, ''));
}
