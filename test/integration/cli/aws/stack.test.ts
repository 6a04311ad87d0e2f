import fs from 'node:fs';
import path from 'node:path';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { localStack } from '../../../../cli/aws/local-stack.ts';
import { findStack, recordingConsumers, tableThatHolds } from '../../../../cli/aws/stack.ts';
import { recordsBucket } from '../../../../contract/stack-outputs.ts';
import { Run } from '../../../fixtures/run.ts';
import { describedStack, queryError, type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';
import { consumerHandles, outputsOf, stackHandles } from '../../../fixtures/stack-handles.ts';

describe('a stack is found by its outputs', () => {
  let aws: ScriptedAws;
  beforeAll(async () => {
    aws = await scriptedAws();
  });
  afterAll(() => aws.close());

  const find = (name: string) => findStack(new CloudFormationClient({ ...aws.client, maxAttempts: 1 }), name);
  test('with every consumer, its tables and its buckets, as the stack wrote them', async () => {
    const written = stackHandles({
      archiveBucket: 'archive-1',
      consumers: [
        consumerHandles('order', {
          tables: {
            lines: { name: 'lines-1', partitionKey: 'lineId', holds: 'other' },
            'open-items': { name: 'open-items-1', partitionKey: 'invoiceId', holds: 'records' },
          },
        }),
        // Its name begins with another's.
        consumerHandles('order-archive', {
          tables: { files: { name: 'files-1', partitionKey: 'file', holds: 'other' } },
        }),
        consumerHandles('stock', { tables: { stock: { name: 's', partitionKey: 'sku', holds: 'stock' } } }),
        consumerHandles('thumbnails', {
          tables: {},
          buckets: {
            drafts: { name: 'drafts-1', prefix: 'drafts/', holds: 'other' },
            'small-images': { name: 'images-1', prefix: 'images/small/', holds: 'records' },
          },
        }),
        consumerHandles('without-tables', { tables: {} }),
      ],
    });
    aws.script['cloudformation:DescribeStacks'] = () => describedStack(outputsOf(written));

    const stack = await find('Any');

    expect(stack).toEqual(written);
    expect(recordingConsumers(stack).map(({ name }) => name)).toEqual(['order', 'thumbnails']);
    expect(tableThatHolds('stock', stack)).toBe('s');
    expect(() => tableThatHolds('other', { ...stack, consumers: [] })).toThrow(
      'No consumer of Any has a table that holds other',
    );
    expect(stack.consumers.map((each) => recordsBucket(each)?.name)).toEqual([
      ...[undefined, undefined, undefined],
      'images-1',
      undefined,
    ]);
    expect(aws.calls.at(-1)?.input).toMatchObject({ StackName: 'Any' });
  });

  test.each([
    [
      'there is none',
      queryError('ValidationError', 'Stack with id Any does not exist'),
      /^No stack "Any" in us-east-1: deploy it/,
    ],
    [
      'it is another kind of stack',
      describedStack({ A: 'b' }, 'ROLLBACK_COMPLETE'),
      /^Stack "Any" in us-east-1 \(ROLLBACK_COMPLETE\) has no output OrdersTopicArn/,
    ],
    [
      'it is of another domain',
      describedStack({ PagesTopicArn: 'a', NoticesTopicArn: 'b', ReadingsTopicArn: 'c' }),
      /^Stack "Any" in us-east-1 is of another domain, readings: add `--domain readings`$/,
    ],
    [
      'it is of a domain that is not here',
      describedStack({ PagesTopicArn: 'a', NoticesTopicArn: 'b', LogLinesTopicArn: 'c' }),
      /^Stack "Any" in us-east-1 is of another domain, log-lines: this project has none of the kind$/,
    ],
    [
      'it is of an older version',
      describedStack({ OrdersTopicArn: 'a', BillingDeadLetterQueueUrl: 'b' }),
      /^Stack "Any" has no output BillingQueueUrl/,
    ],
  ])('or the fault says that %s', async (_, answer, message) => {
    aws.script['cloudformation:DescribeStacks'] = () => answer;

    await expect(find('Any')).rejects.toThrow(message);
  });

  test.each([
    [
      'it is of the domain that needs no option',
      describedStack({ OrdersTopicArn: 'a' }),
      'Stack "Any" in us-east-1 is of another domain, orders: leave out `--domain readings`\n',
    ],
    [
      'there is none, and how to deploy it',
      queryError('ValidationError', 'Stack with id Any does not exist'),
      expect.stringContaining('`npx cdk deploy Any --app "node --conditions=readings bin/app.ts"`'),
    ],
  ])('a command for readings says that %s', async (_, answer, message) => {
    aws.script['cloudformation:DescribeStacks'] = () => answer;

    const { code, stderr } = await new Run(
      'bin/operate.mjs',
      ['status', '--stack', 'Any', '--domain', 'readings'],
      aws.environment,
    ).ended;

    expect({ code, stderr }).toEqual({ code: 1, stderr: message });
  });
});

describe('the local stack', () => {
  const file = path.join(temporaryFolder('local-stack-'), 'endpoint.json');
  const running = {
    endpoint: 'http://127.0.0.1:4100',
    stackName: 'OrderFanOut-dev',
    region: 'us-east-1',
    pid: process.pid,
  };
  const write = (content: unknown) => fs.writeFileSync(file, JSON.stringify(content));

  test('is reached as its file says', () => {
    write(running);

    expect(localStack(file)).toMatchObject({
      name: 'OrderFanOut-dev',
      endpoint: 'http://127.0.0.1:4100',
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
  });

  test('is not running without the file', () => {
    expect(() => localStack(`${file}.none`)).toThrow(
      'The local stack is not running: start it in another terminal',
    );
  });

  test('is not running when its process is gone', () => {
    // Above the largest process id that Linux gives.
    write({ ...running, pid: 2 ** 22 + 1 });

    expect(() => localStack(file)).toThrow('its process 4194305 is gone');
  });

  test.each([
    null,
    {},
    { ...running, pid: '1' },
    { ...running, pid: 0 },
    { ...running, endpoint: undefined },
  ])('is not known from a file with %j', (content) => {
    write(content);

    expect(() => localStack(file)).toThrow('is not what a local stack writes');
  });

  test('is never on another machine', () => {
    write({ ...running, endpoint: 'https://sns.us-east-1.amazonaws.com' });

    expect(() => localStack(file)).toThrow('a local stack is on 127.0.0.1');
  });
});
