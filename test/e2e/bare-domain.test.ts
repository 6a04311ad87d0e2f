import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { PROJECT } from '../fixtures/project.ts';
import { killRuns, Run } from '../fixtures/run.ts';

const NODE_OPTIONS = `--import=${path.join(PROJECT, 'test/fixtures/bare-domain.ts')}`;

afterAll(killRuns);

test('a domain without end state, poison or changes runs, and the report says how far it looked', async () => {
  const start = new Run('bin/local.ts', ['--orders', '40'], { NODE_OPTIONS });
  const publish = new Run('bin/operate.mjs', ['publish', '--dry-run', '--poison', '1'], { NODE_OPTIONS });

  const [started, refused] = await Promise.all([start.ended, publish.ended]);

  expect(started.code).toBe(0);
  expect(started.stdout).toMatch(/\nbilling +42 +\d+ +\d+ +0 +\d+\n/);
  expect(started.stdout).toContain('What consumers made of the\norders was not looked at');
  expect(started.stdout).not.toContain('exactly once');
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toContain('--poison: no bad orders are defined');
});
