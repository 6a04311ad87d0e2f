// The main job as a user starts it, over and over: a process of its own, its output and exit code, nothing of its inside.
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';

const PROJECT = path.join(import.meta.dirname, '../..');
const ENDPOINT_FILE = path.join(PROJECT, '.local', 'endpoint.json');
const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  fs.rmSync(ENDPOINT_FILE, { force: true });
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

class Run {
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;

  constructor(script: string, args: string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [path.join(PROJECT, script), ...args], {
      cwd: PROJECT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.child);
    this.child.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code) => {
        running.delete(this.child);
        resolve({ code, stdout: this.stdout, stderr: this.stderr });
      }),
    );
  }

  /** Resolves once standard output or error holds the text, or rejects when the process ends before that. */
  async says(text: string): Promise<void> {
    const holds = () => this.stdout.includes(text) || this.stderr.includes(text);
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    while (!holds()) {
      if (over) throw new Error(`ended without saying "${text}": ${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  interrupt(): void {
    this.child.kill('SIGINT');
  }
}

const start = (...args: string[]) => new Run('bin/local.ts', args);

describe('npm start', () => {
  test('accounts for every order and says so in one JSON object', async () => {
    const { code, stdout, stderr } = await start('--orders', '60', '--seed', '3', '--json').ended;

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ orders: 60, missing: [], unexpected: [] });
    expect(Object.keys(summary.consumers).sort()).toEqual(['billing', 'inventory', 'shipping']);
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
    ['--orders', 'many'],
    ['--port', '65536'],
    ['--seed', '-1'],
    ['--colour', 'red'],
  ])('%s %s is wrong usage', async (...args) => {
    const { code, stderr } = await start(...args).ended;

    expect(code).toBe(2);
    expect(stderr).toContain(args[0]);
  });
});

describe('a kept stack', () => {
  test('takes orders from another terminal, refuses a second one, and is gone after Ctrl-C', async () => {
    const kept = start('--orders', '10', '--keep');
    await kept.says('stays up at');

    const publish = new Run('bin/orders.ts', ['publish', '--local', '--count', '100', '--wait', '--json']);
    const published = await publish.ended;
    const second = await start('--orders', '5', '--keep').ended;
    kept.interrupt();
    const { code, stdout } = await kept.ended;
    const gone = await new Run('bin/orders.ts', ['publish', '--local', '--count', '1']).ended;

    expect(published.code).toBe(0);
    expect(JSON.parse(published.stdout)).toMatchObject({ published: 100 });
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('a local stack is up already');
    expect(code).toBe(0);
    expect(stdout).toContain('npm run orders -- publish --local --count 100');
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('npm start -- --keep');
    expect(fs.existsSync(ENDPOINT_FILE)).toBe(false);
  });
});
