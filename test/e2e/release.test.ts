// Bad releases of a consumer, and the alarms by which CodeDeploy takes them back: each sets off one within the five minutes that
// a release is tried for. A good one sets off none.

import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { generateEvents } from '../../cli/publishing/test-events.ts';
import { fillTables } from '../../scenarios/fill-tables.ts';
import { bundleHolding } from '../fixtures/changed-assembly.ts';
import { PROJECT } from '../fixtures/project.ts';
import { startStack } from '../fixtures/running-stack.ts';
import type { Resource } from '../fixtures/synthesized.ts';

const ORDERS = 60;
/** So long CodeDeploy tries a release. */
const MINUTES = 5;
const folder = temporaryFolder('release-');
const good = path.join(folder, 'good');

/** Names of the alarms that take a release of billing back. */
let takingBack: string[];

beforeAll(async () => {
  await synthesize(PROJECT, good, { gradualReleases: 'true' });
  const { Resources }: { Resources: Record<string, Resource> } = JSON.parse(
    fs.readFileSync(path.join(good, 'OrderFanOut-dev.template.json'), 'utf8'),
  );
  const group = Object.entries(Resources).find(([id]) => /^BillingReleaseDeploymentGroup/.test(id))?.[1];
  const configuration = group?.Properties.AlarmConfiguration as
    | { Alarms: { Name: { Ref: string } }[] }
    | undefined;
  takingBack = (configuration?.Alarms ?? []).map(({ Name }) => `OrderFanOut-dev-${Name.Ref}`);
});

/** Which of those alarms are in ALARM once the orders have been given to the release, within its five minutes. */
async function setOffBy(release: (code: string) => string): Promise<string[]> {
  const assembly = fs.mkdtempSync(path.join(folder, 'release-'));
  fs.cpSync(good, assembly, { recursive: true });
  const bundle = bundleHolding(assembly, 'INVOICES_TABLE');
  fs.writeFileSync(bundle, release(fs.readFileSync(bundle, 'utf8')));
  const running = await startStack(assembly);
  const { run, clients, stack } = running;
  try {
    await fillTables(clients, stack);
    await run.cloudWatch.endMinute();
    run.consume();
    await running.publish(generateEvents({ count: ORDERS, seed: 1, duplicates: 0, poison: 0 }));
    for (let minute = 0; minute < MINUTES; minute += 1) {
      await running.pass(1);
      await run.cloudWatch.endMinute();
    }
    const states = await run.cloudWatch.alarmStates();
    return takingBack.filter((name) => states[name] === 'ALARM').map((name) => kindOf(name));
  } finally {
    await running.stop();
  }
}

const kindOf = (alarm: string) => /BillingAlarms(\w+)[0-9A-F]{8}$/.exec(alarm)?.[1] ?? alarm;

test('a release is taken back by three alarms', () => {
  expect(takingBack.map(kindOf)).toEqual(['DeadLettered', 'FunctionErrors', 'ReleaseRetrying']);
});

test.each<[string, (code: string) => string, string[]]>([
  // A contract that no publisher has gone over to yet.
  [
    'that dead-letters every good order',
    (code) => code.replaceAll('"order.placed"', '"order.accepted"'),
    ['DeadLettered'],
  ],
  [
    'that fails at every order for now',
    (code) => code.replaceAll('INVOICES_TABLE', 'QUEUE_URL'),
    ['ReleaseRetrying'],
  ],
  ['that crashes at its start', (code) => `throw new Error('broken');\n${code}`, ['FunctionErrors']],
  ['that is good', String, []],
])('a release %s sets off its alarm alone, or none', async (_, release, alarms) => {
  expect(await setOffBy(release)).toEqual(alarms);
});
