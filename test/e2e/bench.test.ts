// Each benchmark runs, on its smallest input. What it measures is nobody's promise.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { PROJECT } from '../fixtures/project.ts';
import { killRuns, Run } from '../fixtures/run.ts';

/** Its arguments → what it says. */
const BENCHES: Record<string, [args: string[], says: RegExp]> = {
  'archive.ts': [['1000', '2000'], /replay: 2 × the events, [\d.]+ × the memory/],
  'batch.ts': [['10'], /records\/s.*│ 10 /s],
  'bundle.ts': [['1'], /billing.*as deployed.*zod instead of zod\/mini/s],
  'dead-letters.ts': [['10', '20'], /'look'.*'send selection'.*'move all'/s],
  'test-cost.ts': [['test/unit/contract/names'], /npm test: [\d.]+ CPU s, \d+ × importing aws-cdk-lib/],
};

afterEach(killRuns);

test('each benchmark is among them', () => {
  expect(readdirSync(path.join(PROJECT, 'bench'))).toEqual(Object.keys(BENCHES));
});

test.each(Object.entries(BENCHES))('%s', async (file, [args, says]) => {
  const { code, stdout, stderr } = await new Run(`bench/${file}`, args).ended;

  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(says);
});
