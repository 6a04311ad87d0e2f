/** The domains that package.json has beside its own, as users run them: whole runs, and the command line on a stack that stays up. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { domainNames } from '../../cli/options/domain.ts';
import type { Domain } from '../../contract/domain.ts';
import { randomOf } from '../../contract/random.ts';
import settings from '../../package.json' with { type: 'json' };
import { PROJECT } from '../fixtures/project.ts';
import { killRuns, Run } from '../fixtures/run.ts';

const EVENTS = 50;
/** Enough for every fault to happen. */
const CHAOS_EVENTS = 150;
/** Of the command line, and of chaos. That of `npm start` is 1. */
const SEED = 9;
const NOW = new Date();
/** IDs of the events that take the place of poison. */
const correctedId = (index: number) => `corrected-${index}`;

async function domainOf(name: string): Promise<Domain> {
  const targets: Readonly<Record<string, string>> = settings.imports['#domain'];
  return (await import(path.join(PROJECT, targets[name] ?? ''))).domain;
}

describe.each(domainNames())('with %s', (name) => {
  const folder = temporaryFolder('domains-');
  const env = { LOCAL_RUN_DIRECTORY: folder, TMPDIR: folder };
  const chosen = { ...env, NODE_OPTIONS: `--conditions=${name}` };
  let domain: Domain;
  let kept: Run;

  beforeAll(async () => {
    domain = await domainOf(name);
    kept = new Run('bin/local.ts', [`--${domain.plural}`, String(EVENTS), '--keep'], chosen);
    await kept.says('stays up at');
  });

  afterAll(killRuns);

  /** Runs a verb on the stack that stays up, as npm does. */
  async function operate(...args: string[]) {
    const all = [...args, '--local', '--json', '--domain', name];
    const { code, stdout, stderr } = await new Run('bin/operate.mjs', all, env).ended;
    if (!stdout.startsWith('{')) throw new Error(`${args.join(' ')}: ${stdout}${stderr}`);
    return { code, said: JSON.parse(stdout) };
  }

  test('npm start accounts for every event, and finds them in the archive', async () => {
    const found = await operate('archive', 'get', 'test-1-o000001');

    expect(kept.stdout).toContain(`Each of the ${EVENTS} ${domain.plural} is exactly once in every`);
    expect(kept.stdout).toContain('The archive has each message that was published, byte for byte.');
    expect(found).toMatchObject({ code: 0, said: { messages: [{}] } });
  });

  test('poison is refused for its reason; corrected and sent back, it is processed and can be traced', async () => {
    const errors = Object.values(domain.testEvents.poison).map(({ error }) => error);
    const { conflictError } = domain.events.settings;
    const poison = ['--poison', String(errors.length + 1), '--seed', String(SEED)];

    const published = await operate('publish', '--count', '10', ...poison, '--wait');
    const consumers = Object.keys(published.said.consumers);
    const failed = await operate('failed');
    const redriven = await Promise.all(consumers.map(correctAll));
    const traced = await Promise.all([0, 1, 2, 3].map((index) => operate('trace', correctedId(index))));

    expect(published.code).toBe(0);
    const reasons: string[] = consumers.flatMap((each) =>
      failed.said.consumers[each].reasons.map(({ reason }: { reason: string }) => reason.split(':')[0]),
    );
    expect(new Set(reasons)).toEqual(new Set([...errors, conflictError]));
    expect(redriven.map(({ code }) => code)).toEqual(consumers.map(() => 0));
    expect(traced.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  });

  /** Sends valid events to a consumer in place of its dead letters: of each number the same to each consumer. */
  async function correctAll(consumer: string) {
    const file = path.join(folder, `${consumer}.jsonl`);
    await operate('failed', consumer, '--export', file);
    const letters = fs.readFileSync(file, 'utf8').trim().split('\n');
    const corrected = letters.map((letter, index) => {
      const random = randomOf(SEED, 'correction', index);
      const event = domain.testEvents.create(correctedId(index), NOW, 9, random);
      return JSON.stringify({ ...JSON.parse(letter), body: JSON.stringify(event) });
    });
    fs.writeFileSync(file, corrected.join('\n'));
    return await operate('redrive', consumer, '--edit', file, '--canary');
  }

  test('chaos loses nothing and does nothing twice', async () => {
    kept.interrupt();
    await kept.ended;

    const args = [`--${domain.plural}`, String(CHAOS_EVENTS), '--seed', String(SEED), '--json'];
    const { code, stdout } = await new Run('bin/chaos.ts', args, chosen).ended;
    const { missing, unexpected, ...summary } = JSON.parse(stdout);

    expect({ code, missing, unexpected }).toEqual({ code: 0, missing: [], unexpected: [] });
    expect(summary[domain.plural]).toBe(CHAOS_EVENTS);
  });
});
