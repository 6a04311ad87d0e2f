// Foreign text (bodies, reasons, identifiers, alarm texts, log lines, answers of servers) through every verb: it is stripped of control
// characters and of those that change the direction of text, and truncated.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { command, useAwsEnvironment } from '../../fixtures/command.ts';
import { orderStack } from '../../fixtures/order-stack.ts';
import { queryError, type ScriptedAws, scriptedAws } from '../../fixtures/scripted-aws.ts';

const HOSTILE = `\u001b[2J\u009b31m\u0007\u202Elive\u2066\u2028${'x'.repeat(5_000)}`;
// SQS and XML allow fewer dangerous characters than other servers do.
const SENDABLE = HOSTILE.replaceAll('\u001b', '').replaceAll('\u0007', '');
// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
const RAW = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const MOST = 2_100;
const hostile = (...names: string[]) => Object.fromEntries(names.map((name) => [name, HOSTILE]));

const folder = temporaryFolder('foreign-');
let aws: ScriptedAws;

beforeAll(async () => {
  aws = await scriptedAws();
  const stack = await orderStack(aws);
  useAwsEnvironment({ ...aws.environment, AWS_MAX_ATTEMPTS: '1' });
  process.env.LOCAL_RUN_DIRECTORY = folder;
  const sqs = new SQSClient(aws.client);
  const attribute = (StringValue: string) => ({ DataType: 'String', StringValue });
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: stack.handles.consumers[0]?.deadLetterQueueUrl,
      MessageBody: JSON.stringify({ orderId: HOSTILE, note: HOSTILE }),
      MessageAttributes: {
        DeadLetterError: attribute(SENDABLE),
        DeadLetterMessage: attribute(SENDABLE),
        DeadLetterContext: attribute(JSON.stringify(hostile('requestId', 'attempts', 'deadLetteredAt'))),
      },
    }),
  );
  sqs.destroy();
  aws.script['dynamodb:GetItem'] = () => ({
    json: {
      Item: Object.fromEntries(
        ['orderId', 'orderDigest', 'status', 'placedAt'].map((name) => [name, { S: HOSTILE }]),
      ),
    },
  });
  aws.script['dynamodb:Scan'] = () => ({ json: { Items: [{ sku: { S: HOSTILE }, available: { N: '1' } }] } });
  aws.script['monitoring:DescribeAlarms'] = () => ({
    json: {
      MetricAlarms: [
        { AlarmName: 'OrderFanOut-dev-BillingAlarmsAny', AlarmDescription: HOSTILE, StateValue: 'ALARM' },
      ],
    },
  });
  aws.script['monitoring:GetMetricData'] = () => ({ json: { MetricDataResults: [] } });
  aws.script['logs:FilterLogEvents'] = () => ({
    json: {
      events: [
        {
          timestamp: Date.now(),
          message: JSON.stringify({
            ...hostile('level', 'message', 'orderId'),
            error: hostile('name', 'message'),
          }),
        },
      ],
    },
  });
  const describeStacks = aws.script['cloudformation:DescribeStacks'];
  aws.script['cloudformation:DescribeStacks'] = (input) => {
    const answer = describeStacks?.(input);
    if (input.StackName === 'Broken') return queryError('Unknown', SENDABLE);
    const more =
      '<member><OutputKey>BillingLogGroupName</OutputKey><OutputValue>log</OutputValue></member><member><OutputKey>BillingStockTableName</OutputKey><OutputValue>stock</OutputValue><Description>Contents: stock; key: sku</Description></member>';
    return answer && 'xml' in answer
      ? { ...answer, xml: answer.xml.replace('<Outputs>', `<Outputs>${more}`) }
      : answer;
  };
  fs.writeFileSync(
    path.join(folder, 'operations.jsonl'),
    [
      {
        event: 'started',
        id: '1',
        stack: 'OrderFanOut-dev',
        letters: 1,
        ...hostile('at', 'who', 'consumer', 'what'),
      },
      { event: 'ended', id: '1', at: HOSTILE, sent: 1, cameBack: 0, outcome: HOSTILE },
    ]
      .map((entry) => `${JSON.stringify(entry)}\n`)
      .join(''),
  );
  const edit = { messageId: HOSTILE, body: 'no order' };
  fs.writeFileSync(
    path.join(folder, 'edits.jsonl'),
    `${JSON.stringify(edit)}\n${JSON.stringify(edit)}\n${HOSTILE}\n`,
  );
  fs.writeFileSync(
    path.join(folder, 'orders.jsonl'),
    `${JSON.stringify({ orderId: HOSTILE, [HOSTILE]: 1 })}\n${HOSTILE}\n`,
  );
  fs.writeFileSync(path.join(folder, 'stock.csv'), `sku,available\n${HOSTILE.replaceAll('\u2028', '')},1\n`);
});
afterAll(() => aws.close());

const file = (name: string) => path.join(folder, name);

test.each([
  [['failed']],
  [['failed', '--reason', HOSTILE]],
  [['failed', 'billing', '--show'], Number.POSITIVE_INFINITY],
  [['failed', '--json', '--show'], Number.POSITIVE_INFINITY],
  [['redrive', 'billing', '--dry-run']],
  [['redrive', 'billing', '--order', HOSTILE]],
  [['redrive', 'billing', '--dry-run', '--json'], Number.POSITIVE_INFINITY],
  [['redrive', 'billing', '--edit', file('edits.jsonl')]],
  [['redrive', '--history']],
  [['redrive', '--history', '--json'], Number.POSITIVE_INFINITY],
  [['purge', 'billing', '--dead-letters', '--yes', '--no-export', '--reason', 'nothing of the kind']],
  [['status']],
  [['status', '--json'], Number.POSITIVE_INFINITY],
  [['status', '--stack', 'Broken']],
  [['trace', '4711']],
  [['trace', '4711', '--json'], Number.POSITIVE_INFINITY],
  [['stock', 'list']],
  [['stock', 'set', '--file', file('stock.csv')]],
  [['tail', 'billing']],
  [['tail', 'billing', '--json'], Number.POSITIVE_INFINITY],
  [['publish', '--file', file('orders.jsonl')]],
  [[HOSTILE]],
  [['redrive', HOSTILE]],
])('%j', async (args, most = MOST) => {
  const { stdout, stderr } = await command(args);

  const said = stdout + stderr;
  expect(said).not.toBe('');
  expect(RAW.exec(said)?.[0]).toBeUndefined();
  for (const line of said.split('\n')) expect(line.length).toBeLessThanOrEqual(most);
});

test('a letter for which SQS tells no time was sent at an unknown time', async () => {
  const Body = 'no order';
  const MD5OfBody = createHash('md5').update(Body).digest('hex');
  const answers = [{ Messages: [{ MessageId: '1', ReceiptHandle: '1', Body, MD5OfBody }] }];
  aws.script['sqs:ReceiveMessage'] = () => ({ json: answers.pop() ?? {} });

  const { stdout } = await command(['failed', 'billing', '--show']);
  delete aws.script['sqs:ReceiveMessage'];

  expect(stdout).toMatch(/no orderId {2}an unknown time {2}messageId 1\n/);
});
