// Each permission of the synthesized template is taken away in turn, and a small run of the real bundles has to fail for it.
// What is granted for nothing shows itself here too: without it nothing fails.
//
// Of a further domain only what functions may do to tables and buckets is taken away: the rest is granted alike in any.
//
// What consumers have alike is taken from all of them in one run. They share nothing, so that none can fail in place of
// another, and each one has to.

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type MessageAttributeValue, PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { DeleteQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Access } from '@order-fan-out/local-run/iam/access-control';
import { LocalRun } from '@order-fan-out/local-run/run';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { withNodeOptions } from '@order-fan-out/local-run/test/emulators-thread';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { queueDepth } from '../../cli/aws/queue-depth.ts';
import { pascalCase } from '../../contract/names.ts';
import { randomOf } from '../../contract/random.ts';
import { topicArnOutput } from '../../contract/stack-outputs.ts';
import { takenByAll } from '../../scenarios/taken-by-all.ts';
import { domains, orders, type TestDomain } from '../fixtures/domains.ts';
import { PROJECT } from '../fixtures/project.ts';

/** Permissions that no call of the local run needs. */
const NOT_EXERCISED: [grant: RegExp, reason: string][] = [
  [/^role logs:/, 'Lambda writes the logs with the role, and here they go to a file'],
  [/^role xray:/, 'nothing is traced here'],
  [/^logs\./, 'nothing is encrypted here, and CloudWatch Logs does not run'],
  [/^cloudwatch\.amazonaws\.com /, 'alarms speak to the operations topic in alarms-fire.test.ts'],
];

interface Statement {
  Effect: string;
  Principal?: '*' | Record<string, unknown>;
  Action: string | string[];
  Resource: unknown;
}
interface Template {
  Resources: Record<string, { Type: string; Properties: Record<string, unknown> }>;
  Outputs: Record<string, { Value: unknown }>;
}
interface Grant {
  /** Logical ID of the policy, or of what holds it. */
  policy: string;
  statement: number;
  /** Whom it is for: a service, the account, or a role. */
  to: string;
  action: string;
}

/** For a run in which something that should fail does not. */
const PATIENCE_MS = 30_000;
/** Seconds. */
const LONGEST_BACKOFF = 900;

/** The stack of a domain, and what is granted in it. */
interface Granted {
  readonly of: TestDomain;
  /** Folder of the assemblies. */
  readonly root: string;
  readonly templateFile: string;
  readonly template: Template;
  readonly all: readonly Grant[];
  /** What calls of the local run need. */
  readonly exercised: readonly Grant[];
  /** What of it is taken away. */
  readonly proved: readonly Grant[];
}

const isListed = ({ to, action }: Grant) =>
  NOT_EXERCISED.some(([pattern]) => pattern.test(`${to} ${action}`));

async function granted(of: TestDomain): Promise<Granted> {
  const { condition, stackName } = of.domain;
  const root = temporaryFolder('grants-');
  // The stage with a key of its own has every permission that the other has. Tests are named after what is found in it.
  // The operator's policy is no function's: operator.test.ts is about it.
  // Tried five times: the archive's function dead-letters a message at its last try alone.
  const context = { stage: 'prod', operatorPolicy: 'false', outlastMinutes: '2' };
  await withNodeOptions(condition === undefined ? '' : `--conditions=${condition}`, () =>
    synthesize(PROJECT, path.join(root, 'base'), context),
  );
  const templateFile = `${stackName}-prod.template.json`;
  const template: Template = JSON.parse(fs.readFileSync(path.join(root, 'base', templateFile), 'utf8'));
  const all = grantsOf(template);
  const exercised = all.filter((grant) => !isListed(grant));
  const proved = exercised.filter(({ action }) => of === orders || /^(dynamodb|s3):/.test(action));
  return { of, root, templateFile, template, all, exercised, proved };
}

function statementsOf(within: Template, id: string): Statement[] {
  const { Properties = {} } = within.Resources[id] ?? {};
  const document = (Properties.PolicyDocument ?? Properties.KeyPolicy) as { Statement: Statement[] };
  return document.Statement;
}

/** Every allowed action of every policy that the local run evaluates, one by one. */
function grantsOf(within: Template): Grant[] {
  const policies = /^AWS::(IAM::(Managed)?Policy|SQS::QueuePolicy|SNS::TopicPolicy|KMS::Key)$/;
  return Object.entries(within.Resources)
    .filter(([, { Type }]) => policies.test(Type))
    .flatMap(([policy]) =>
      statementsOf(within, policy).flatMap(({ Effect, Principal, Action }, statement) =>
        Effect === 'Allow'
          ? [Action].flat().map((action) => ({ policy, statement, to: nameOf(Principal), action }))
          : [],
      ),
    );
}

function nameOf(principal: Statement['Principal']): string {
  if (principal === undefined) return 'role';
  if (principal === '*' || principal.AWS) return 'account';
  const { Service: service } = principal;
  return typeof service === 'string' ? service : JSON.stringify(service).replace(/^.*?\[""?,?\["/, '');
}

/** The consumer that a policy belongs to, by the beginning of its logical ID; empty for what belongs to none. */
const consumerOf = ({ policy }: Grant): string => /^(Key)?([A-Z][a-z]+)?/.exec(policy)?.[2] ?? '';

/** Grants that differ in nothing but their consumer. An action on two tables is two of them. */
function groupsOf(grants: readonly Grant[]): Grant[][] {
  const groups = Map.groupBy(grants, (grant) => {
    const kind = grant.policy.slice(consumerOf(grant).length).replace(/[0-9A-F]{8}$/, '');
    const earlier = grants.filter(
      ({ policy, action, statement }) =>
        policy === grant.policy && action === grant.action && statement < grant.statement,
    );
    return `${kind} ${grant.to} ${grant.action} ${earlier.length}`;
  });
  return [...groups.values()];
}

/** The assembly without some permissions. It shares the bundles with the whole one. */
function assemblyWithout(
  grants: Grant[],
  { root, templateFile, template }: Granted,
  directory: string,
): string {
  const base = path.join(root, 'base');
  fs.mkdirSync(directory);
  for (const name of fs.readdirSync(base)) {
    if (name !== templateFile) fs.symlinkSync(path.join(base, name), path.join(directory, name));
  }
  const changed = structuredClone(template);
  for (const { policy, statement, action } of grants) {
    const statements = statementsOf(changed, policy);
    const one = statements[statement] as Statement;
    one.Action = [one.Action].flat().filter((each) => each !== action);
    if (one.Action.length === 0) statements.splice(statement, 1);
  }
  fs.writeFileSync(path.join(directory, templateFile), JSON.stringify(changed));
  return directory;
}

/** Whether a line is AWS's sentence for a call that lacked this permission. */
function isDenialOf(grant: Grant, line: string): boolean {
  const action = grant.action.replaceAll('*', '\\w*');
  const denial = new RegExp(`is not authorized to perform: ${action} on resource: "?arn:`);
  return denial.test(line) && line.includes(`-prod-${consumerOf(grant)}`);
}

/** Valid events that every consumer takes, and that leave a record at each. */
function* eventsFor({ domain, consumers }: TestDomain, assembly: string) {
  const { testEvents, endState, events } = domain;
  const isTaken = takenByAll(assembly);
  for (let index = 0; ; index++) {
    const event = testEvents.create(`event-${index}`, new Date(), 1, randomOf(1, 'grants', index));
    const message = { body: JSON.stringify(event), attributes: events.attributesOf(event) };
    const isRecorded = Object.keys(consumers).every((each) => endState?.leavesRecord?.(each, event) ?? true);
    if (isTaken({ ...message, id: events.idOf(event) }) && isRecorded) yield { ...message, event };
  }
}

/**
 * What was denied in a run that makes every call there is: an event and its change, poison, what nobody takes, a failing try, a
 * delivery without a queue.
 * @param accesses grows by what was asked for, where nothing is removed
 */
async function denialsOf(
  { of }: Granted,
  assembly: string,
  removed: Grant[],
  accesses: Access[] = [],
): Promise<string[]> {
  const { domain } = of;
  let run: LocalRun;
  try {
    run = await LocalRun.start({ assembly, port: 0, logDirectory: path.join(assembly, 'logs') });
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  const denials = () => run.problems.filter((problem) => problem.includes('is not authorized to perform'));
  const client = { ...run.client, maxAttempts: 1 };
  const [sns, sqs, dynamodb] = [new SNSClient(client), new SQSClient(client), new DynamoDBClient(client)];
  const s3 = new S3Client(client);
  const outputs = Object.fromEntries(run.stack.description.outputs.map(({ key, value }) => [key, value]));
  const named = (ending: RegExp) =>
    Object.keys(outputs)
      .filter((key) => ending.test(key))
      .map((key) => outputs[key] as string);
  const queues = named(/(?<!DeadLetter|Unrouted)QueueUrl$/);
  const events = eventsFor(of, assembly);
  const next = () => events.next().value as Exclude<ReturnType<typeof events.next>['value'], void>;
  const publish = (Message: string, MessageAttributes: Record<string, MessageAttributeValue>) =>
    sns.send(
      new PublishCommand({ TopicArn: outputs[topicArnOutput(domain.topic)], Message, MessageAttributes }),
    );
  const isOver = async (holds: () => Promise<boolean>, backoffSeconds = 0) => {
    const isDenied = () =>
      removed.length > 0 && removed.every((grant) => denials().some((line) => isDenialOf(grant, line)));
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await holds()) && !isDenied() && Date.now() < deadline) {
      run.endBatchingWindows();
      if (backoffSeconds > 0 && !run.isBusy) await run.passTime(backoffSeconds);
      await pause(20);
    }
    return isDenied();
  };
  const isEmpty = async () => {
    const depths = await Promise.all(queues.map((url) => queueDepth(sqs, url)));
    return depths.every(({ waiting, inFlight }) => waiting + inFlight === 0);
  };
  const asked = async (pattern: RegExp) =>
    (await run.accesses()).filter(({ caller, action, resource }) =>
      pattern.test(`${caller} ${action} ${resource}`),
    ).length;

  try {
    for (const [id, objects] of Object.entries(domain.endState?.initialObjects ?? {})) {
      const [Bucket] = named(new RegExp(`${pascalCase(id)}BucketName$`));
      for (const [Key, Body] of Object.entries(objects)) {
        await s3.send(new PutObjectCommand({ Bucket, Key, Body }));
      }
    }
    run.consume();
    const { event, body, attributes } = next();
    await publish(body, attributes);
    await publish('{', attributes);
    await publish('{', { eventType: { DataType: 'String', StringValue: 'nothing.known' } });
    if (await isOver(isEmpty)) return denials();
    const change = domain.testEvents.change?.create(event, new Date(), 1, randomOf(1, 'change', 0));
    if (change) await publish(JSON.stringify(change), domain.events.attributesOf(change));
    if (await isOver(isEmpty)) return denials();

    for (const TableName of named(/TableName$/)) await dynamodb.send(new DeleteTableCommand({ TableName }));
    for (const Bucket of named(/BucketName$/)) await deleteBucket(s3, Bucket);
    const second = next();
    await publish(second.body, second.attributes);
    const retries = async () =>
      (await asked(/ sqs:ChangeMessageVisibility /)) === queues.length &&
      (await asked(/assumed-role.* sqs:SendMessage .*ArchiveDeadLetterQueue/)) > 0;
    if (await isOver(retries, LONGEST_BACKOFF)) return denials();

    for (const QueueUrl of queues) await sqs.send(new DeleteQueueCommand({ QueueUrl }));
    const third = next();
    await publish(third.body, third.attributes);
    await isOver(async () => (await asked(/^sns.* sqs:SendMessage .*DeadLetterQueue/)) === queues.length);
    if (removed.length === 0) accesses.push(...(await run.accesses()));
    return denials();
  } finally {
    for (const each of [sns, sqs, dynamodb, s3]) each.destroy();
    await run.stop();
  }
}

async function deleteBucket(s3: S3Client, Bucket: string): Promise<void> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
  for (const { Key } of Contents) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
  await s3.send(new DeleteBucketCommand({ Bucket }));
}

const stacks: Granted[] = [];
for (const of of domains) stacks.push(await granted(of));

describe.each(stacks)('of $of.domain.plural', (stack) => {
  const { of, root, template, all, exercised, proved } = stack;
  /** What was asked for in the run with every permission. */
  const accesses: Access[] = [];
  const results = new Map<Grant[] | 'all', string[]>();
  const groups = groupsOf(proved);

  beforeAll(async () => {
    const waiting = groups.map((group, index) => async () => {
      results.set(
        group,
        await denialsOf(stack, assemblyWithout(group, stack, path.join(root, String(index))), group),
      );
    });
    waiting.unshift(async () => {
      results.set('all', await denialsOf(stack, path.join(root, 'base'), [], accesses));
    });
    // A run waits more than it works.
    const lane = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await next();
    };
    await Promise.all(Array.from({ length: 4 }, lane));
  });

  test('with every permission nothing is denied', () => {
    expect(results.get('all')).toEqual([]);
  });

  test('with every permission each function asks for all that it is granted, and for nothing else', () => {
    const ofFunctions = exercised.filter(({ to }) => to === 'role');
    const asked = accesses.filter(({ caller }) => caller.includes(':assumed-role/'));

    const namesOf = (names: string[]) => [...new Set(names)].sort();
    expect(
      namesOf(
        asked.map(
          ({ caller, action }) => `${/assumed-role\/[\w-]+?-([A-Z][a-z]+)/.exec(caller)?.[1]} ${action}`,
        ),
      ),
    ).toEqual(namesOf(ofFunctions.map((grant) => `${consumerOf(grant)} ${grant.action}`)));
  });

  test('the permissions of every function, queue and key are tried', () => {
    const policies = Object.entries(template.Resources).filter(
      ([id, { Type }]) =>
        (of === orders
          ? ['AWS::IAM::Policy', 'AWS::SQS::QueuePolicy', 'AWS::KMS::Key']
          : ['AWS::IAM::Policy']
        ).includes(Type) &&
        // By it SNS logs, which it does not do here.
        !id.startsWith(`${pascalCase(of.domain.topic)}DeliveryLogging`),
    );

    expect(policies.length).toBeGreaterThan(0);
    expect(new Set(proved.map(({ policy }) => policy)).size).toBe(policies.length);
  });

  describe('without it the run fails:', () => {
    test.each(proved.map((grant) => ({ grant, name: `${grant.policy}, ${grant.action} for ${grant.to}` })))(
      '$name',
      ({ grant }) => {
        const denials = results.get(groups.find((group) => group.includes(grant)) ?? []) ?? [];

        expect({ denials, isDenied: denials.some((line) => isDenialOf(grant, line)) }).toMatchObject({
          isDenied: true,
        });
      },
    );
  });

  test.each(NOT_EXERCISED)('%s is still in the template, and not exercised: %s', (pattern) => {
    expect(all.filter(({ to, action }) => pattern.test(`${to} ${action}`))).not.toEqual([]);
  });
});
