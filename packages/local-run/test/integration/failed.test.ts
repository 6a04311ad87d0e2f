// What ends the emulators' thread ends the run.
import { expect, test } from '@jest/globals';
import { KillableRun } from '../../src/run/killable-run.ts';
import { LocalRun } from '../../src/run/run.ts';
import { Emulators } from '../../src/server/emulators.ts';
import { queueOf, runOf } from '../fixtures/assembly.ts';
import {
  ENDS_EMULATORS_ON_SIGUSR2,
  emulatorsThreadOf,
  withNodeOptions,
} from '../fixtures/emulators-thread.ts';

const WHY = 'the emulators have stopped: their thread has ended with exit code 1';
const options = () => runOf({ Queue: queueOf() });
const aborted = (signal: AbortSignal) =>
  new Promise<string>((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason.message));
  });

test('a run has failed whose emulators end: what was asked before and what is asked after is told of it, and it can be stopped', async () => {
  const [run, thread] = await emulatorsThreadOf(() => LocalRun.start(options()));
  const other = await LocalRun.start(options());
  const failed = aborted(run.failed);
  const ask = () => run.cloudWatch.alarms().catch((error) => error.message);

  const gone = thread.terminate();
  const before = ask();
  await gone;
  const after = ask();
  await run.stop();
  await other.stop();

  expect([await before, await after, await failed]).toEqual([WHY, WHY, WHY]);
  expect(other.failed.aborted).toBe(false);
});

test('an error in the thread is the reason, in one line', async () => {
  const [emulators, thread] = await emulatorsThreadOf(() => Emulators.start({ port: 0 }));
  const failed = aborted(emulators.failed);

  thread.emit('error', new Error('out of paper\n    at printer'));
  await thread.terminate();

  expect(await failed).toBe('the emulators have stopped: out of paper');
});

test('a run whose emulators end while it is stopped has failed', async () => {
  const [run, thread] = await emulatorsThreadOf(() => LocalRun.start(options()));

  const stopped = run.stop();
  await thread.terminate();
  await stopped;

  expect(run.failed.reason?.message).toBe(WHY);
});

test('a run in a process of its own says it as well, and its process is gone', async () => {
  const run = await withNodeOptions(ENDS_EMULATORS_ON_SIGUSR2, () => KillableRun.start(options()));
  const failed = aborted(run.failed);

  process.kill(run.endpoint.pid, 'SIGUSR2');
  const stopping = await failed.then(() => run.stop().catch((error) => error.message));

  expect([await failed, stopping]).toEqual([WHY, WHY]);
  await run.kill();
  expect(() => process.kill(run.endpoint.pid, 0)).toThrow('ESRCH');
});

test('a run in a process of its own that somebody kills has failed, and one that we kill has not', async () => {
  const [run, other] = [await KillableRun.start(options()), await KillableRun.start(options())];
  const failed = aborted(run.failed);

  process.kill(run.endpoint.pid, 'SIGKILL');
  await other.kill();

  const why = 'the process of the local run has ended with SIGKILL';
  expect(await failed).toBe(why);
  await expect(run.consume()).rejects.toThrow(why);
  expect(other.failed.aborted).toBe(false);
});
