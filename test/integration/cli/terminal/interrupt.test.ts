import { spawn } from 'node:child_process';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { PROJECT } from '../../../fixtures/project.ts';

/** A command on a terminal, with a spinner before and after the first Ctrl-C; it does not end by itself. */
const command = `
  import { untilInterrupted } from '${path.join(PROJECT, 'cli/terminal/interrupt.ts')}';
  import { createProgress } from '${path.join(PROJECT, 'cli/terminal/progress.ts')}';
  import tty from 'node:tty';
  Object.setPrototypeOf(process.stderr, tty.WriteStream.prototype);
  Object.assign(process.stderr, { isTTY: true, columns: 80 });
  delete process.env.CI;
  process.env.TERM = 'xterm';
  const signal = untilInterrupted();
  const step = createProgress().step('Working');
  signal.addEventListener('abort', () => setImmediate(() => console.log('tidied up')));
  setInterval(() => {}, 1000);
  console.log('at work');
`;

test('the first Ctrl-C lets a command with a spinner tidy up, the second one ends it', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stderr.resume();
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));

  let said = '';
  for await (const chunk of child.stdout) {
    said += chunk;
    // A Ctrl-C after each line: at work, tidied up.
    child.kill('SIGINT');
  }

  expect(said).toBe('at work\ntidied up\n');
  expect(await ended).toBe(130);
});
