// Every alarm of the stack is driven over its threshold and back, through the emulators and the local Lambda runtime.

import fs from 'node:fs';
import path from 'node:path';
import {
  type MessageAttributeValue,
  PublishBatchCommand,
  PublishCommand,
  SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Json } from '../../local/json.ts';
import { LocalRun } from '../../local/run.ts';
import { consumerNames, type Resource, stageNames, synthesize } from '../fixtures/synthesized.ts';
import { temporaryFolder } from '../fixtures/temporary.ts';

type Template = { Resources: Record<string, Resource>; Outputs: Record<string, { Value: unknown }> };
const TAKEN_BY_ALL = { eventType: 'order.placed', requiresShipping: 'true' };
/** Longer than any alarm needs: the oldest message of a stuck queue has to become 15 minutes old. */
const PATIENCE = 40;

const attributes = (values: Record<string, string>, DataType = 'String') =>
  Object.fromEntries(
    Object.entries(values).map(([name, StringValue]): [string, MessageAttributeValue] => [
      name,
      { DataType, StringValue },
    ]),
  );

/** A stack of this project that is up, with handlers that do as the test says, and what its operators are told. */
class Watched {
  readonly run: LocalRun;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  readonly template: Template;
  private inbox = '';

  private constructor(run: LocalRun, template: Template) {
    this.run = run;
    this.template = template;
    this.sns = new SNSClient(run.client);
    this.sqs = new SQSClient(run.client);
  }

  static async start(template: Template): Promise<Watched> {
    const directory = temporaryFolder('assembly-');
    fs.writeFileSync(
      path.join(directory, 'index.mjs'),
      `export const handler = async ({ crash }) => { if (crash) throw new Error('crashed') }`,
    );
    const write = (file: string, value: object) =>
      fs.writeFileSync(path.join(directory, file), JSON.stringify(value));
    const functions = Object.values(template.Resources).filter(
      ({ Type }) => Type === 'AWS::Lambda::Function',
    );
    const files = functions.map(({ Properties }) => {
      // So that throttling is within reach: without it a function has the account's concurrency, which is 1,000.
      Properties.ReservedConcurrentExecutions = 1;
      return [String((Properties.Code as Json).S3Key).replace('.zip', ''), { source: { path: '.' } }];
    });
    write('manifest.json', {
      artifacts: {
        Shop: {
          type: 'aws:cloudformation:stack',
          properties: { templateFile: 'template.json', stackName: 'Shop' },
        },
      },
    });
    write('Shop.assets.json', { files: Object.fromEntries(files) });
    write('template.json', template);
    const run = await LocalRun.start({
      assembly: directory,
      port: 0,
      logDirectory: path.join(directory, 'logs'),
    });
    const watched = new Watched(run, template);
    await watched.subscribeInbox();
    return watched;
  }

  async stop(): Promise<void> {
    this.sns.destroy();
    this.sqs.destroy();
    await this.run.stop();
  }

  /** Names of the alarms whose logical ID has this kind: `QueueDepth` of BillingAlarmsQueueDepth875D31DD. */
  alarms(kind: string): string[] {
    return Object.entries(this.template.Resources)
      .filter(([id, { Type }]) => /^AWS::CloudWatch::(Composite)?Alarm$/.test(Type) && kindOf(id) === kind)
      .map(([id, { Properties }]) => String(Properties.AlarmName ?? `Shop-${id}`));
  }

  /** The highest threshold among the alarms of a kind. */
  threshold(kind: string): number {
    return Math.max(
      ...Object.entries(this.template.Resources)
        .filter(([id]) => kindOf(id) === kind)
        .map(([, { Properties }]) => Number(Properties.Threshold)),
    );
  }

  output(name: string): string {
    const found = this.run.stack.description.outputs.find(({ key }) => key === name);
    if (!found) throw new Error(`the stack has no output ${name}`);
    return found.value;
  }

  get queues(): string[] {
    return consumerNames.map(({ id }) => this.output(`${id}QueueUrl`));
  }

  get deadLetterQueues(): string[] {
    return consumerNames.map(({ id }) => this.output(`${id}DeadLetterQueueUrl`));
  }

  async publish(MessageAttributes: Record<string, MessageAttributeValue>): Promise<void> {
    await this.sns.send(
      new PublishCommand({ TopicArn: this.output('OrdersTopicArn'), Message: 'order', MessageAttributes }),
    );
  }

  /** A message that is received as often as the redrive policy allows, and once more. */
  async deadLetter(QueueUrl: string): Promise<void> {
    await this.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'poison' }));
    const receives = Number(JSON.parse(await this.attribute(QueueUrl, 'RedrivePolicy')).maxReceiveCount) + 1;
    for (let receive = 0; receive < receives; receive += 1) {
      await this.sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0 }));
    }
  }

  async attribute(QueueUrl: string, name: 'Policy' | 'RedrivePolicy'): Promise<string> {
    const { Attributes } = await this.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [name] }),
    );
    return Attributes?.[name] ?? '';
  }

  async purge(queues = [...this.queues, ...this.deadLetterQueues]): Promise<void> {
    for (const QueueUrl of queues) await this.sqs.send(new PurgeQueueCommand({ QueueUrl }));
  }

  async minutes(count: number): Promise<void> {
    for (let minute = 0; minute < count; minute += 1) await this.run.cloudWatch.endMinute();
  }

  /** Lets minutes go by until each of the alarms has been in the state; returns those that never were. */
  async neverIn(state: string, alarms: string[]): Promise<string[]> {
    let left = alarms;
    for (let minute = 0; minute < PATIENCE && left.length > 0; minute += 1) {
      await this.minutes(1);
      const states = await this.run.cloudWatch.alarmStates();
      left = left.filter((name) => states[name] !== state);
    }
    return left;
  }

  /** All that the operations topic has said since the last time. */
  async news(): Promise<Json[]> {
    const news: Json[] = [];
    for (;;) {
      const { Messages = [] } = await this.sqs.send(
        new ReceiveMessageCommand({ QueueUrl: this.inbox, MaxNumberOfMessages: 10 }),
      );
      if (Messages.length === 0) return news;
      news.push(...Messages.map(({ Body }) => JSON.parse(Body ?? '')));
      await this.sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl: this.inbox,
          Entries: Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
        }),
      );
    }
  }

  private async subscribeInbox(): Promise<void> {
    const Endpoint = 'arn:aws:sqs:us-east-1:000000000000:inbox';
    const TopicArn = this.output('OperationsTopicArn');
    const Policy = JSON.stringify({
      Statement: {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: Endpoint,
      },
    });
    const { QueueUrl = '' } = await this.sqs.send(
      new CreateQueueCommand({ QueueName: 'inbox', Attributes: { Policy } }),
    );
    this.inbox = QueueUrl;
    await this.sns.send(
      new SubscribeCommand({
        TopicArn,
        Protocol: 'sqs',
        Endpoint,
        Attributes: { RawMessageDelivery: 'true' },
      }),
    );
  }
}

const kindOf = (logicalId: string) => /^\w+?Alarms(\w+)[0-9A-F]{8}$/.exec(logicalId)?.[1] ?? logicalId;

interface Driver {
  /** Does what the alarm is there for, at every consumer. */
  raise(stack: Watched): Promise<void>;
  /** Puts it right. */
  settle(stack: Watched): Promise<void>;
}
const purge = (stack: Watched) => stack.purge();
const nothing = async () => {};
const deadLetters: Driver = {
  async raise(stack) {
    for (const queue of stack.queues) await stack.deadLetter(queue);
  },
  settle: purge,
};

/** By kind of alarm. An alarm of a new kind needs an entry, or the first test below fails with its name. */
const drivers: Record<string, Driver> = {
  QueueDepth: {
    async raise(stack) {
      const entry = { Message: 'order', MessageAttributes: attributes(TAKEN_BY_ALL) };
      const PublishBatchRequestEntries = Array.from({ length: 10 }, (_, n) => ({ Id: String(n), ...entry }));
      const TopicArn = stack.output('OrdersTopicArn');
      let left = stack.threshold('QueueDepth');
      const publish = async () => {
        for (; left > 0; ) {
          left -= 10;
          await stack.sns.send(new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries }));
        }
      };
      await Promise.all(Array.from({ length: 10 }, publish));
    },
    settle: purge,
  },
  NotDraining: {
    raise: (stack) => stack.publish(attributes(TAKEN_BY_ALL)),
    settle: purge,
  },
  DeadLetters: deadLetters,
  DeadLettersGrowing: {
    async raise(stack) {
      await deadLetters.raise(stack);
      await stack.minutes(1);
      await deadLetters.raise(stack);
    },
    // It is over by itself.
    settle: nothing,
  },
  FunctionErrors: {
    async raise(stack) {
      for (const target of stack.run.stack.functions.values()) {
        for (let n = stack.threshold('FunctionErrors'); n > 0; n -= 1) await target.invoke({ crash: true });
      }
    },
    settle: nothing,
  },
  FunctionThrottles: {
    async raise(stack) {
      for (const target of stack.run.stack.functions.values()) {
        const invocations = Array.from({ length: stack.threshold('FunctionThrottles') + 1 }, () =>
          target.invoke({}),
        );
        await Promise.all(invocations);
      }
    },
    settle: nothing,
  },
  Unhealthy: deadLetters,
  FailedDeliveries: {
    async raise(stack) {
      const [QueueUrl = ''] = stack.queues;
      const Policy = await stack.attribute(QueueUrl, 'Policy');
      await stack.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: '' } }));
      await stack.publish(attributes(TAKEN_BY_ALL));
      await stack.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
    },
    settle: purge,
  },
  InvalidAttributes: {
    raise: (stack) => stack.publish(attributes({ eventType: '["order.placed"' }, 'String.Array')),
    settle: nothing,
  },
  NoAttributes: { raise: (stack) => stack.publish({}), settle: nothing },
};

describe.each(stageNames)('in %s', (stage) => {
  let stack: Watched;

  beforeAll(async () => {
    stack = await Watched.start(structuredClone(synthesize(stage).toJSON()) as Template);
    await stack.minutes(1);
  });

  afterAll(() => stack.stop());

  test('every alarm has something that drives it', () => {
    const undriven = Object.entries(stack.template.Resources)
      .filter(([, { Type }]) => Type.startsWith('AWS::CloudWatch::') && Type.endsWith('Alarm'))
      .map(([id]) => id)
      .filter((id) => !(kindOf(id) in drivers));

    expect(undriven).toEqual([]);
  });

  test('all is well at first', async () => {
    const states = Object.values(await stack.run.cloudWatch.alarmStates());

    expect(new Set(states)).toEqual(new Set(['OK']));
  });

  test.each(Object.entries(drivers))(
    '%s goes off, says so on the operations topic, and is over',
    async (kind, driver) => {
      const alarms = stack.alarms(kind);
      await stack.purge();
      const notOk = await stack.neverIn('OK', alarms);
      await stack.news();

      await driver.raise(stack);
      const neverOn = await stack.neverIn('ALARM', alarms);
      const wentOff = await stack.news();
      await driver.settle(stack);
      const neverOver = await stack.neverIn('OK', alarms);
      const wereOver = await stack.news();

      expect({ notOk, neverOn, neverOver }).toEqual({ notOk: [], neverOn: [], neverOver: [] });
      expect(alarms.length).toBeGreaterThan(0);
      for (const name of alarms) {
        const { AlarmDescription } = propertiesOf(stack, name);
        const about = (news: Json[]) => news.filter(({ AlarmName }) => AlarmName === name);
        expect(about(wentOff)).toEqual([
          expect.objectContaining({ NewStateValue: 'ALARM', OldStateValue: 'OK', AlarmDescription }),
        ]);
        expect(about(wereOver)).toEqual([
          expect.objectContaining({ NewStateValue: 'OK', OldStateValue: 'ALARM', AlarmDescription }),
        ]);
      }
    },
  );

  test('growing dead letters are announced anew for each minute that brings one, while the older ones lie there', async () => {
    const [queue = ''] = stack.queues;
    const [alarm = ''] = stack.alarms('DeadLettersGrowing');
    await stack.purge();
    await stack.minutes(2);
    await stack.news();

    for (let letter = 0; letter < 3; letter += 1) {
      await stack.deadLetter(queue);
      await stack.minutes(3);
    }
    const news = await stack.news();

    expect(
      news.filter(({ AlarmName }) => AlarmName === alarm).map(({ NewStateValue }) => NewStateValue),
    ).toEqual(['ALARM', 'OK', 'ALARM', 'OK', 'ALARM', 'OK']);
    expect(
      news
        .filter(({ AlarmName }) => AlarmName === stack.alarms('DeadLetters')[0])
        .map((each) => each.NewStateValue),
    ).toEqual(['ALARM']);
  });

  test('a busy queue that drains is none that is stuck, however old its messages', async () => {
    const [QueueUrl = ''] = stack.queues;
    const [alarm = ''] = stack.alarms('NotDraining');
    await stack.purge();
    const send = (MessageBody: string) => stack.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    for (let message = 0; message < PATIENCE; message += 1) await send(String(message));
    const seen = new Set<string | undefined>();

    for (let minute = 0; minute < PATIENCE; minute += 1) {
      const { Messages } = await stack.sqs.send(new ReceiveMessageCommand({ QueueUrl }));
      await stack.sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl,
          Entries: [{ Id: '1', ReceiptHandle: Messages?.[0]?.ReceiptHandle }],
        }),
      );
      await stack.minutes(1);
      seen.add((await stack.run.cloudWatch.alarmStates())[alarm]);
    }

    expect([...seen]).toEqual(['OK']);
  });
});

test('an alarm that can never go off is found out', async () => {
  const template = structuredClone(synthesize('dev').toJSON()) as Template;
  const [id, alarm] =
    Object.entries(template.Resources).find(([each]) => kindOf(each) === 'DeadLetters') ?? [];
  // The classic: what SQS itself moves to a dead-letter queue is not sent there.
  template.Resources.BillingAlarmsDeadLetters00000000 = JSON.parse(
    JSON.stringify(alarm).replace(/ApproximateNumberOfMessages\w+/g, 'NumberOfMessagesSent'),
  );
  const stack = await Watched.start(template);
  await stack.minutes(1);

  await drivers.DeadLetters?.raise(stack);
  const neverOn = await stack.neverIn('ALARM', stack.alarms('DeadLetters'));
  await stack.stop();

  expect(id).toBeDefined();
  expect(neverOn).toEqual(['Shop-BillingAlarmsDeadLetters00000000']);
});

test('a notification that the topic does not let in is a problem of the run', async () => {
  const template = structuredClone(synthesize('dev').toJSON()) as Template;
  for (const [id, { Type }] of Object.entries(template.Resources)) {
    if (Type === 'AWS::SNS::TopicPolicy' && id.startsWith('Operations')) delete template.Resources[id];
  }
  const stack = await Watched.start(template);

  await stack.minutes(1);
  const news = await stack.news();
  const { problems } = stack.run;
  await stack.stop();

  expect(news).toEqual([]);
  expect(problems.join('\n')).toMatch(
    /alarm notification "OK: .*" was refused: .*cloudwatch\.amazonaws\.com/,
  );
});

function propertiesOf(stack: Watched, alarm: string): Record<string, unknown> {
  const found = Object.entries(stack.template.Resources).find(
    ([id, { Properties = {} }]) => (Properties.AlarmName ?? `Shop-${id}`) === alarm,
  );
  return found?.[1].Properties ?? {};
}
