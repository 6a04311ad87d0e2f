/** What the settings of a further domain grant on tables and buckets is what its handlers ask for. grants.test.ts has the rest. */
import fs from 'node:fs';
import path from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, test } from '@jest/globals';
import { LocalRun } from '@order-fan-out/local-run/run';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { createClients, destroyClients } from '../../cli/aws/clients.ts';
import { pascalCase } from '../../contract/names.ts';
import { randomOf } from '../../contract/random.ts';
import { topicArnOutput } from '../../contract/stack-outputs.ts';
import { publishAll } from '../../scenarios/publish-all.ts';
import { waitUntilEmpty } from '../../scenarios/wait-until-empty.ts';
import { domains, orders, type TestDomain } from '../fixtures/domains.ts';
import { assemblyOf } from '../fixtures/extended-stack.ts';
import type { Statement } from '../fixtures/synthesized.ts';
import type { StackTemplate } from '../fixtures/watched-stack.ts';

const others = domains.filter((of) => of !== orders);

test.each(others.map((of) => ({ of, name: of.domain.plural })))(
  'consumers of $name ask for all that they are granted on tables and buckets, and for nothing else',
  async ({ of }) => {
    const assembly = assemblyOf(of);

    const { problems, asked } = await runEvents(of, assembly);

    expect(problems).toEqual([]);
    expect(asked).toEqual(grantedIn(assembly, of));
  },
);

/** Publishes events to a stack, twice each. */
async function runEvents({ domain, consumers }: TestDomain, assembly: string) {
  const run = await LocalRun.start({ assembly, port: 0, logDirectory: temporaryFolder('logs-') });
  const clients = createClients(run.client);
  const outputs = new Map(run.stack.description.outputs.map(({ key, value }) => [key, value]));
  const output = (key: string) => outputs.get(key) ?? '';
  try {
    for (const [bucket, objects] of Object.entries(domain.endState?.initialObjects ?? {})) {
      const key = [...outputs.keys()].find((each) => each.endsWith(`${pascalCase(bucket)}BucketName`)) ?? '';
      for (const [Key, Body] of Object.entries(objects)) {
        await clients.s3.send(new PutObjectCommand({ Bucket: output(key), Key, Body }));
      }
    }
    run.consume();
    const messages = Array.from({ length: 20 }, (_, index) => {
      const event = domain.testEvents.create(`event-${index}`, new Date(), 5, randomOf(1, 'grants', index));
      return { body: JSON.stringify(event), attributes: domain.events.attributesOf(event) };
    });
    const topicArn = output(topicArnOutput(domain.topic));
    await publishAll({ sns: clients.sns, topicArn, messages: [...messages, ...messages] });
    const queues = Object.keys(consumers).map((name) => output(`${pascalCase(name)}QueueUrl`));
    const onPoll = () => run.endBatchingWindows();
    await waitUntilEmpty(clients.sqs, queues, { stallTimeoutMs: 30_000, onPoll });
    const accesses = await run.accesses();
    const ofConsumers = accesses.filter(
      ({ caller, action }) => /:assumed-role/.test(caller) && isOfStore(action),
    );
    const asked = ofConsumers.map(({ caller, action }) => {
      const name = /assumed-role\/[\w-]+?-([A-Z][a-z]+)/.exec(caller)?.[1];
      return `${name} ${action}`;
    });
    return { problems: run.problems, asked: [...new Set(asked)].sort() };
  } finally {
    destroyClients(clients);
    await run.stop();
  }
}

function grantedIn(assembly: string, { domain }: TestDomain): string[] {
  const file = path.join(assembly, `${domain.stackName}-dev.template.json`);
  const { Resources }: StackTemplate = JSON.parse(fs.readFileSync(file, 'utf8'));
  const granted = Object.entries(Resources).flatMap(([id, { Type, Properties }]) => {
    if (Type !== 'AWS::IAM::Policy') return [];
    const { Statement } = Properties.PolicyDocument as { Statement: Statement[] };
    const actions = Statement.flatMap(({ Action }) => Action).filter(isOfStore);
    return actions.map((action) => `${/^[A-Z][a-z]+/.exec(id)?.[0]} ${action}`);
  });
  return [...new Set(granted)].sort();
}

function isOfStore(action: string): boolean {
  return /^(dynamodb|s3):/.test(action);
}
