// What CloudWatch and SQS answer, made into a verdict. The whole way is in operator.test.ts.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClients } from '../../../../cli/aws/clients.ts';
import { isWell, lookAtHealth } from '../../../../cli/aws/health.ts';
import { nextStep } from '../../../../cli/commands/look/status.ts';
import type { StackOptions } from '../../../../cli/options/stack-options.ts';
import { type OrderStack, orderStack } from '../../../fixtures/order-stack.ts';
import { type Input, type ScriptedAws, scriptedAws } from '../../../fixtures/scripted-aws.ts';

let aws: ScriptedAws;
let stack: OrderStack;
/** Alarms that are on: name, article. */
let alarms: [string, string?][] = [];
/** Metric and its queue or consumer → value by seconds ago. */
let metrics: Record<string, Record<number, number>> = {};

beforeAll(async () => {
  aws = await scriptedAws();
  stack = await orderStack(aws);
  aws.script['monitoring:DescribeAlarms'] = ({ NextToken = '0' }) => {
    const [name, article] = alarms[Number(NextToken)] ?? [];
    const left = alarms.length > Number(NextToken) + 1;
    const AlarmDescription = `Something is wrong.${article ? `\nWhat to do: docs/runbook.md#${article}` : ''}`;
    const alarm = { AlarmName: name, AlarmDescription, StateValue: 'ALARM', StateTransitionedTimestamp: 1.5 };
    return {
      json: { MetricAlarms: name ? [alarm] : [], ...(left && { NextToken: `${Number(NextToken) + 1}` }) },
    };
  };
  aws.script['monitoring:GetMetricData'] = ({ MetricDataQueries, EndTime }) => ({
    json: {
      MetricDataResults: MetricDataQueries.map(({ Id, MetricStat }: Input) => {
        const { MetricName, Dimensions } = MetricStat.Metric;
        const points = Object.entries(metrics[`${MetricName} ${Dimensions[0].Value}`] ?? {});
        return {
          Id,
          Timestamps: points.map(([secondsAgo]) => EndTime - Number(secondsAgo)),
          Values: points.map(([, value]) => value),
        };
      }),
    },
  });
});
afterAll(() => aws.close());
beforeEach(() => {
  alarms = [];
  metrics = {};
});

const look = () => lookAtHealth(createClients(aws.client), stack.handles);
const options: StackOptions = { stack: 'Any' };

describe('alarms', () => {
  test('belong to the consumer in their name, page after page; those of another stack are left out', async () => {
    alarms = [
      ['Any-BillingAlarmsDeadLetters5558188B-AbC123', 'dead-letters'],
      ['Any-OrdersAlarmsFailedDeliveries12345678', 'failed-deliveries'],
      ['Any-eu-BillingAlarmsDeadLetters5558188B-AbC123', 'dead-letters'],
    ];

    const health = await look();

    expect(health.consumers.map((consumer) => consumer.alarms)).toEqual([
      [
        {
          name: 'Any-BillingAlarmsDeadLetters5558188B-AbC123',
          since: new Date(1500),
          description: 'Something is wrong.',
          article: 'docs/runbook.md#dead-letters',
        },
      ],
      [],
    ]);
    expect(health.alarms.map(({ name }) => name)).toEqual(['Any-OrdersAlarmsFailedDeliveries12345678']);
    expect(isWell(health)).toBe(false);
    expect(aws.calls.findLast(({ action }) => action === 'monitoring:DescribeAlarms')?.input).toMatchObject({
      AlarmNamePrefix: 'Any-',
      AlarmTypes: ['MetricAlarm'],
      StateValue: 'ALARM',
    });
  });

  test.each([
    [[], undefined],
    [
      [['Any-BillingAlarmsA', 'function-errors']],
      'npm run orders -- tail billing --level ERROR --since 15m --stack Any',
    ],
    [
      [
        ['Any-OrdersAlarmsA', 'failed-deliveries'],
        ['Any-ShippingAlarmsA', 'oldest-message'],
      ],
      'npm run orders -- tail shipping --level WARN --since 15m --stack Any',
    ],
    [[['Any-BillingAlarmsA', 'function-throttles']], 'read docs/runbook.md#function-throttles'],
    [[['Any-Custom']], 'look at the alarm Any-Custom'],
  ])('%j lead to "%s"', async (on, step) => {
    alarms = on as [string, string?][];

    expect(nextStep(await look(), options)).toBe(step);
  });
});

describe('a stopped consumer', () => {
  const mapping = 'lambda:GET /2015-03-31/event-source-mappings/billing-mapping';
  const lookAt = (state: string) => {
    aws.script[mapping] = () => ({ json: { State: state } });
    return lookAtHealth(createClients(aws.client), stack.handles);
  };

  test.each([
    ['Enabled', true],
    ['Enabling', true],
    ['Updating', true],
    ['Disabling', false],
    ['Disabled', false],
    ['Deleting', false],
  ])('is one whose mapping is off: %s', async (state, enabled) => {
    const health = await lookAt(state);

    expect(health.consumers.map((consumer) => consumer.enabled)).toEqual([enabled, true]);
    expect(isWell(health)).toBe(enabled);
  });

  test.each([
    [[], 'npm run orders -- start billing --stack Any'],
    [[['Any-BillingAlarmsA', 'queue-depth']], 'npm run orders -- start billing --stack Any'],
    [[['Any-BillingAlarmsA', 'oldest-message']], 'npm run orders -- start billing --stack Any'],
    [
      [
        ['Any-BillingAlarmsA', 'oldest-message'],
        ['Any-OrdersAlarmsA', 'failed-deliveries'],
      ],
      'read docs/runbook.md#failed-deliveries',
    ],
    [
      [['Any-ShippingAlarmsA', 'function-errors']],
      'npm run orders -- tail shipping --level ERROR --since 15m --stack Any',
    ],
  ])('with the alarms %j leads to "%s"', async (on, step) => {
    alarms = on as [string, string?][];

    expect(nextStep(await lookAt('Disabled'), options)).toBe(step);
  });
});

describe('figures', () => {
  test('the age is the newest of the last five minutes, and there is none while the queue is empty', async () => {
    metrics = { 'ApproximateAgeOfOldestMessage billing': { 400: 9, 200: 42, 100: 17 } };
    const empty = await look();
    await stack.deliver('billing', 'any');

    const { consumers } = await look();

    expect(empty.consumers[0]).toMatchObject({ waiting: 0, oldestSeconds: undefined });
    expect(consumers[0]).toMatchObject({ waiting: 1, inFlight: 0, oldestSeconds: 17 });
  });

  test('what was processed is summed up over the last five minutes', async () => {
    metrics = { 'Processed shipping': { 310: 1000, 290: 7, 130: 20, 5: 3 } };

    const { consumers } = await look();

    expect(consumers[1]?.processed).toBe(30);
    expect(consumers[1]?.processedByMinute).toHaveLength(15);
    expect(consumers[1]?.processedByMinute.slice(-6)).toEqual([1000, 7, 0, 20, 0, 3]);
  });

  test('dead letters are bad news, and those of the consumer with the most come first', async () => {
    await stack.refuse('billing', 'one');
    await stack.refuse('shipping', 'one');
    await stack.refuse('shipping', 'two');
    // Somebody looks at it just now.
    await stack.visibleLetters('billing');

    const health = await look();

    expect(health.consumers.map(({ deadLetters }) => deadLetters)).toEqual([1, 2]);
    expect(isWell(health)).toBe(false);
    expect(nextStep(health, { ...options, region: 'eu-west-1', profile: 'ops' })).toBe(
      'npm run orders -- failed shipping --stack Any --region eu-west-1 --profile ops',
    );
  });
});
