// A release that refuses every good order: it sets off an alarm that CodeDeploy takes it back for, within a minute. A good one
// does not.

import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { createClients, destroyClients } from '../../cli/aws/clients.ts';
import { findStack } from '../../cli/aws/stack.ts';
import { generateOrders } from '../../cli/orders/test-orders.ts';
import { LocalRun } from '../../local/run.ts';
import { synthesize } from '../../local/synthesize.ts';
import { drained } from '../../scenarios/drained.ts';
import { publishAll } from '../../scenarios/publish-all.ts';
import { fillStock } from '../../scenarios/start/local-orders.ts';
import { bundleHolding } from '../fixtures/changed-assembly.ts';
import { PROJECT } from '../fixtures/project.ts';
import type { Resource } from '../fixtures/synthesized.ts';
import { temporaryFolder } from '../fixtures/temporary.ts';

const ORDERS = 20;
const folder = temporaryFolder('release-');
const good = path.join(folder, 'good');
const bad = path.join(folder, 'bad');
/** Names of the alarms that take a release of billing back. */
let takingBack: string[];

beforeAll(async () => {
  await synthesize(PROJECT, good, { gradualReleases: 'true' });
  fs.cpSync(good, bad, { recursive: true });
  const bundle = bundleHolding(bad, 'INVOICES_TABLE');
  const code = fs.readFileSync(bundle, 'utf8');
  // A contract that no publisher has gone over to yet.
  fs.writeFileSync(bundle, code.replaceAll('"order.placed"', '"order.accepted"'));
  const { Resources }: { Resources: Record<string, Resource> } = JSON.parse(
    fs.readFileSync(path.join(good, 'OrderFanOut-dev.template.json'), 'utf8'),
  );
  const group = Object.entries(Resources).find(([id]) => /^BillingReleaseDeploymentGroup/.test(id))?.[1];
  const configuration = group?.Properties.AlarmConfiguration as
    | { Alarms: { Name: { Ref: string } }[] }
    | undefined;
  takingBack = (configuration?.Alarms ?? []).map(({ Name }) => `OrderFanOut-dev-${Name.Ref}`);
});

/** Which of those alarms are in ALARM within a minute of the first orders. */
async function setOffBy(assembly: string): Promise<{ alarms: string[]; deadLettered: number }> {
  const logDirectory = path.join(assembly, 'logs');
  const run = await LocalRun.start({ assembly, port: 0, logDirectory });
  const clients = createClients(run.client);
  try {
    const stack = await findStack(clients.cloudFormation, run.endpoint.stackName);
    await fillStock(clients.dynamodb, stack);
    await run.cloudWatch.endMinute();
    run.consume();
    const messages = generateOrders({ count: ORDERS, seed: 1, duplicates: 0, poison: 0 });
    await publishAll({ sns: clients.sns, topicArn: stack.topicArn, messages });
    const urls = stack.consumers.map(({ queueUrl }) => queueUrl);
    await drained(clients.sqs, urls, { patienceMs: 30_000 });
    await run.cloudWatch.endMinute();
    const states = await run.cloudWatch.alarmStates();
    const billing = stack.consumers.find(({ name }) => name === 'billing');
    const letters = await run.bodiesIn(billing?.deadLetterQueueUrl ?? '');
    return { alarms: takingBack.filter((name) => states[name] === 'ALARM'), deadLettered: letters.length };
  } finally {
    destroyClients(clients);
    await run.stop();
  }
}

test('a release that dead-letters every good order sets off an alarm that takes it back, within a minute', async () => {
  const { alarms, deadLettered } = await setOffBy(bad);

  expect(deadLettered).toBe(ORDERS);
  expect(alarms).toEqual([expect.stringContaining('BillingAlarmsDeadLettered')]);
});

test('a good release sets off none of them', async () => {
  expect(await setOffBy(good)).toEqual({ alarms: [], deadLettered: 0 });
});
