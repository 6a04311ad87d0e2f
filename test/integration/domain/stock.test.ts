// `stock add` with answers that no emulator gives; e2e/operator.test.ts proves the sums.

import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { command, useAwsEnvironment } from '../../fixtures/command.ts';
import { type Answer, describedStack, type ScriptedAws, scriptedAws } from '../../fixtures/scripted-aws.ts';
import { consumerHandles, outputsOf, stackHandles } from '../../fixtures/stack-handles.ts';

let aws: ScriptedAws;
/** SKU → pieces in stock. */
let stock: Map<string, number>;
/** SKU → the answer to a change of it, in place of the change. */
let answers: Record<string, () => Answer>;

beforeEach(async () => {
  aws = await scriptedAws();
  stock = new Map([
    ['A', 10],
    ['B', 2],
  ]);
  answers = {};
  useAwsEnvironment(aws.environment);
  aws.script['cloudformation:DescribeStacks'] = () =>
    describedStack(
      outputsOf(
        stackHandles({
          consumers: [
            consumerHandles('inventory', {
              tables: { stock: { name: 'stock', partitionKey: 'sku', holds: 'stock' } },
            }),
          ],
        }),
      ),
    );
  aws.script['dynamodb:Scan'] = () => ({
    json: {
      Items: Array.from(stock, ([sku, number]) => ({ sku: { S: sku }, available: { N: `${number}` } })),
    },
  });
  aws.script['dynamodb:UpdateItem'] = ({ Key, ExpressionAttributeValues }) => {
    const sku = Key.sku.S;
    const answer = answers[sku]?.();
    if (answer) return answer;
    const before = stock.get(sku);
    stock.set(sku, (before ?? 0) + Number(ExpressionAttributeValues[':add'].N));
    return { json: before === undefined ? {} : { Attributes: { available: { N: String(before) } } } };
  };
});
afterEach(() => aws.close());

const add = (...args: string[]) => command(['stock', 'add', ...args]);
const updates = () =>
  aws.calls.filter(({ action }) => action === 'dynamodb:UpdateItem').map(({ input }) => input);
const failure =
  (code: string, status = 400) =>
  () => ({ status, json: { __type: code, message: 'no' } });

test('each article gets what is added to it, whatever it has, and what was there is shown', async () => {
  const { code, stdout, stderr } = await add('A=-3', 'NEW=+50', 'B=+1200');

  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: 'sku  before    now\nA        10      7\nB         2  1,202\nNEW     new     50\n',
    stderr: '',
  });
  expect(updates().find(({ Key }) => Key.sku.S === 'A')).toMatchObject({
    UpdateExpression: 'ADD available :add',
    ConditionExpression: 'available >= :least',
    ExpressionAttributeValues: { ':add': { N: '-3' }, ':least': { N: '3' } },
  });
  expect(updates().find(({ Key }) => Key.sku.S === 'B')).not.toHaveProperty('ConditionExpression');
});

test('a file says what is added, for programs too', async () => {
  const file = path.join(temporaryFolder('stock-'), 'delivery.csv');
  fs.writeFileSync(file, 'sku,add\nA,5\nB,-2\n');

  const { code, stdout } = await add('--file', file, '--json');

  expect(JSON.parse(stdout)).toEqual({
    stack: 'OrderFanOut-dev',
    added: [
      { sku: 'A', available: 15, before: 10 },
      { sku: 'B', available: 0, before: 2 },
    ],
  });
  expect(code).toBe(0);
});

test('many articles show progress', async () => {
  const { code, stderr } = await add(...Array.from({ length: 24 }, (_, index) => `SKU-${index}=+1`));

  expect(stderr).toMatch(/^Adding to the stock\n(.*\n)*Added to 24 articles\n$/);
  expect(code).toBe(0);
});

test('nothing is written where one article has fewer than are taken away', async () => {
  const { code, stdout, stderr } = await add('A=+1', 'B=-3', 'NEW=-1');

  expect(stderr).toBe('B=-3: only 2 in stock\nNEW=-1: only 0 in stock\nNothing was added.\n');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(updates()).toEqual([]);
});

describe('where one of them fails', () => {
  const many = Array.from({ length: 12 }, (_, index) => `SKU-${index + 10}`);

  test('it says which were added and which were not', async () => {
    answers.B = failure('ConditionalCheckFailedException');

    const { code, stdout, stderr } = await add('A=+1', 'B=-1');

    expect(stdout).toBe('sku  before  now\nA        10   11\n');
    expect(stderr).toBe('Not added: B\nB=-1: fewer are in stock\n');
    expect(code).toBe(1);
  });

  test('no others are started', async () => {
    for (const sku of many) answers[sku] = failure('AccessDeniedException');

    const { stdout, stderr } = await add(...many.map((sku) => `${sku}=+1`));

    expect(stdout).toBe('');
    expect(stderr).toContain(`Not added: ${many.join(', ')}\n`);
    expect(updates().length).toBeLessThan(many.length);
  });

  test('a change whose answer is lost is sent once, and reported as unknown', async () => {
    answers.B = failure('InternalServerError', 500);

    const { code, stdout, stderr } = await add('A=+1', 'B=+5');

    expect(stdout).toBe('sku  before  now\nA        10   11\n');
    expect(stderr).toBe(
      'B=+5: the answer is lost (InternalServerError), so it may be added or not: compare `stock list` with the table above before you add it again\n',
    );
    expect(code).toBe(1);
    expect(updates().filter(({ Key }) => Key.sku.S === 'B')).toHaveLength(1);
  });

  test('a change that is throttled was not made', async () => {
    answers.B = failure('ProvisionedThroughputExceededException');

    const { stderr } = await add('B=+5');

    expect(stderr).toMatch(/^Not added: B\nAWS throttles the calls/);
  });
});
