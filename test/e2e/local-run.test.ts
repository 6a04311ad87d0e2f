// The main job as a user starts it, over and over: a process of its own, its output and exit code, nothing of its inside.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { ENDS_EMULATORS_ON_SIGUSR2 } from '@order-fan-out/local-run/test/emulators-thread';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { killRuns, Run } from '../fixtures/run.ts';

// A folder of its own, so that a stack that somebody keeps in the project is left alone.
const folder = temporaryFolder('local-run-');
// What a failed run leaves behind goes with the rest.
const env = { LOCAL_RUN_DIRECTORY: folder, TMPDIR: folder };
const start = (...args: string[]) => new Run('bin/local.ts', args, env);
const orders = (...args: string[]) => new Run('bin/operate.mjs', args, env).ended;

afterEach(killRuns);
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe('npm start', () => {
  test('accounts for every order and says so in one JSON object', async () => {
    const { code, stdout, stderr } = await start('--orders', '60', '--seed', '3', '--json').ended;

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ orders: 60, missing: [], unexpected: [] });
    expect(Object.keys(summary.consumers).sort()).toEqual(['archive', 'billing', 'inventory', 'shipping']);
    expect(summary.consumers.archive).toEqual({
      delivered: 64,
      processed: 64,
      duplicates: 0,
      deadLettered: 0,
    });
    for (const name of ['billing', 'inventory']) {
      expect(summary.consumers[name]).toEqual({
        delivered: 64,
        processed: 60,
        duplicates: 3,
        deadLettered: 1,
      });
    }
    const { shipping } = summary.consumers;
    expect(shipping.processed).toBeGreaterThan(0);
    expect(shipping.processed).toBeLessThan(60);
    expect(shipping.delivered).toBe(shipping.processed + shipping.duplicates + shipping.deadLettered);
    const on = Object.keys(summary.alarms).filter((name) => summary.alarms[name] === 'ALARM');
    for (const kind of ['DeadLetters', 'DeadLettered', 'DeadLettersGrowing', 'HasDeadLetters']) {
      expect(on).toContainEqual(expect.stringMatching(new RegExp(`BillingAlarms${kind}[0-9A-F]{8}$`)));
    }
    expect(on.filter((name) => !/DeadLetter/.test(name))).toEqual([]);
  });

  test('Ctrl-C in the middle stops it cleanly, with exit code 130 and nothing left behind', async () => {
    const run = start('--orders', '5000');
    await run.says('Publishing');

    run.interrupt();
    const { code, stderr } = await run.ended;

    expect(code).toBe(130);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('a taken port is one clear line', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as net.AddressInfo;

    const { code, stderr } = await start('--orders', '5', '--port', String(port)).ended;
    server.close();

    expect(code).toBe(1);
    expect(stderr).toContain(
      `npm start: port ${port} on 127.0.0.1 is taken: choose another with --port, or 0 for any free one\n`,
    );
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test.each([
    ['--orders', '0'],
    ['--colour', 'red'],
  ])('%s %s is wrong usage', async (...args) => {
    const { code, stderr } = await start(...args).ended;

    expect(code).toBe(2);
    expect(stderr).toContain(args[0]);
  });
});

describe('when the emulators end', () => {
  const failing = { ...env, NODE_OPTIONS: ENDS_EMULATORS_ON_SIGUSR2 };
  const line = 'npm start: the emulators have stopped: their thread has ended with exit code 1\n';

  test('a run that is under way ends with one line', async () => {
    const run = new Run('bin/local.ts', ['--orders', '5000'], failing);
    await run.says('Publishing');

    run.endEmulators();
    const { code, stdout, stderr } = await run.ended;

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.split('\n').slice(-2)).toEqual([line.trimEnd(), '']);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('a kept stack ends with one line', async () => {
    const kept = new Run('bin/local.ts', ['--orders', '5', '--keep'], failing);
    await kept.says('stays up at');
    const before = kept.stderr.length;

    kept.endEmulators();
    const { code, stderr } = await kept.ended;

    expect({ code, stderr: stderr.slice(before) }).toEqual({ code: 1, stderr: line });
    expect(fs.existsSync(path.join(folder, 'endpoint.json'))).toBe(false);
  });
});

describe('a kept stack', () => {
  test.each(['--keep', '--persist'])(
    'of two that start with %s at the same moment one comes up',
    async (option) => {
      const both = [start('--orders', '5', '--keep', option), start('--orders', '5', '--keep', option)];
      await Promise.any(both.map((each) => each.says('stays up at')));
      const up = both.find(({ stdout }) => stdout.includes('stays up at')) as Run;
      const { code, stdout, stderr } = await (both.find((each) => each !== up) as Run).ended;
      up.interrupt();

      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^npm start: a local stack is already .*`kill \d+`\n$/);
      expect(await up.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('publish --local') });
    },
  );

  test('takes orders from another terminal, also after one that was killed, and is gone after Ctrl-C', async () => {
    const killed = start('--orders', '5', '--keep');
    await killed.says('stays up at');
    killed.kill();
    await killed.ended;
    const kept = start('--orders', '5', '--keep');
    await kept.says('stays up at');

    const published = await orders('publish', '--local', '--count', '100', '--wait', '--json');
    kept.interrupt();
    const { code } = await kept.ended;
    const gone = await orders('publish', '--local', '--count', '1');

    expect(published.code).toBe(0);
    expect(JSON.parse(published.stdout)).toMatchObject({ published: 100 });
    expect(code).toBe(0);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('npm start -- --keep');
    expect(fs.existsSync(path.join(folder, 'endpoint.json'))).toBe(false);
  });
});
