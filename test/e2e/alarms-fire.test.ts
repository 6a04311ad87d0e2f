// Every alarm of the stack is driven over its threshold and back, through the emulators and the local Lambda runtime: with
// metrics that come at once, and with metrics as late and incomplete as those of SQS may be.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { alarmsId } from '../../contract/names.ts';
import { stages } from '../../lib/config.ts';
import { domains, orders } from '../fixtures/domains.ts';
import { stageNames, synthesize } from '../fixtures/synthesized.ts';
import { attributes, kindOf, type StackTemplate, WatchedStack } from '../fixtures/watched-stack.ts';

const DAY = 24 * 60;

interface Driver {
  /** Does what the alarm is there for, at every consumer. */
  raise(stack: WatchedStack): Promise<void>;
  /** Puts it right. */
  settle(stack: WatchedStack): Promise<void>;
}
const purge = (stack: WatchedStack) => stack.purge();
const nothing = async () => {};
const deadLetters: Driver = {
  async raise(stack) {
    for (const queue of stack.queues) await stack.deadLetter(queue);
  },
  settle: purge,
};
/** A metric that the functions report, for a quarter of an hour. */
const reported = (metric: string, kind: string): Driver => ({
  async raise(stack) {
    for (let minute = 0; minute < 15; minute += 1) {
      await stack.report(metric, stack.threshold(kind));
      await stack.minutes(1);
    }
  },
  settle: nothing,
});

/** By kind of alarm. An alarm of a new kind needs an entry, or the first test below fails with its name. */
const drivers: Record<string, Driver> = {
  QueueDepth: {
    raise: (stack) => stack.publishMany(stack.threshold('QueueDepth'), stack.takenByAll),
    settle: purge,
  },
  OldestMessage: { raise: (stack) => stack.publish(stack.takenByAll), settle: purge },
  RetentionAtRisk: {
    async raise(stack) {
      await stack.publish(stack.takenByAll);
      await stack.minutes(1);
      await stack.run.cloudWatch.skipMinutes(DAY);
    },
    settle: purge,
  },
  DeadLetters: deadLetters,
  DeadLettered: { raise: (stack) => stack.report('DeadLettered', 1), settle: nothing },
  DeadLettersGrowing: {
    async raise(stack) {
      await deadLetters.raise(stack);
      // Where the queue was inactive, until its metrics are there.
      await stack.minutes(20);
      await stack.news();
      await deadLetters.raise(stack);
    },
    // It is over by itself.
    settle: nothing,
  },
  OldestDeadLetter: {
    async raise(stack) {
      for (const queue of stack.deadLetterQueues) await stack.send(queue);
      await stack.minutes(1);
      await stack.run.cloudWatch.skipMinutes(10 * DAY);
    },
    settle: purge,
  },
  Retrying: reported('Retried', 'Retrying'),
  PromiseBroken: reported('SecondsToDone', 'PromiseBroken'),
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
  NotPolled: {
    async raise(stack) {
      stack.isPolled = false;
    },
    async settle(stack) {
      stack.isPolled = true;
    },
  },
  Unhealthy: reported('Retried', 'Retrying'),
  HasDeadLetters: deadLetters,
  ReleaseRetrying: reported('Retried', 'Retrying'),
  FailedDeliveries: {
    raise: (stack) => stack.publishRefused(stack.queues.slice(0, 1)),
    settle: purge,
  },
  LostDeliveries: {
    raise: (stack) => stack.publishRefused([...stack.queues, ...stack.deadLetterQueues]),
    settle: purge,
  },
  Unrouted: {
    raise: (stack) => stack.publish(attributes({ eventType: 'nothing.known' })),
    settle: purge,
  },
  OldestUnrouted: {
    async raise(stack) {
      await stack.publish(attributes({ eventType: 'nothing.known' }));
      await stack.minutes(1);
      await stack.run.cloudWatch.skipMinutes(10 * DAY);
    },
    settle: purge,
  },
  InvalidAttributes: {
    raise: (stack) => stack.publish(attributes({ eventType: '["no.list"' }, 'String.Array')),
    settle: nothing,
  },
  NoAttributes: { raise: (stack) => stack.publish({}), settle: nothing },
};

describe.each([
  ...stageNames.map((stage) => ({ of: orders, stage, metrics: 'punctual', lateMetrics: undefined })),
  // The rules are the same in both stages, and in any domain.
  {
    of: orders,
    stage: 'dev' as const,
    metrics: 'late',
    lateMetrics: { minutes: 15, inactiveAfter: 5, missing: 0.05 },
  },
  ...domains
    .filter((of) => of !== orders)
    .map((of) => ({ of, stage: 'prod' as const, metrics: 'punctual', lateMetrics: undefined })),
])('$of.domain.plural in $stage, with $metrics metrics', ({ of, stage, lateMetrics }) => {
  let stack: WatchedStack;
  let composites: string[];

  beforeAll(async () => {
    // With the alarms that there are only where releases are gradual.
    const settings = { ...stages[stage], gradualReleases: true };
    stack = await WatchedStack.start(
      structuredClone(synthesize(stage, { settings }, of).toJSON()) as StackTemplate,
      { of, lateMetrics },
    );
    composites = [...stack.alarms('Unhealthy'), ...stack.alarms('HasDeadLetters')];
  });

  afterAll(() => stack.stop());

  test('every alarm has something that drives it', () => {
    const undriven = Object.entries(stack.template.Resources)
      .filter(([, { Type }]) => Type.startsWith('AWS::CloudWatch::') && Type.endsWith('Alarm'))
      .map(([id]) => id)
      .filter((id) => !(kindOf(id) in drivers));

    expect(undriven).toEqual([]);
  });

  test('all becomes well at first, and stays so', async () => {
    const all = Object.keys(await stack.run.cloudWatch.alarmStates());
    const neverOk = await stack.neverIn('OK', all);
    await stack.news();
    await stack.minutes(30);

    expect(neverOk).toEqual([]);
    expect(await stack.news()).toEqual([]);
  });

  test.each(Object.entries(drivers))(
    '%s goes off, is announced where it should be and once, and is over',
    async (kind, driver) => {
      const alarms = stack.alarms(kind);
      const telling = alarms.flatMap((name) => stack.announcersOf(name));
      await stack.purge();
      const notOk = await stack.neverIn('OK', [...alarms, ...composites]);
      await stack.news();

      await driver.raise(stack);
      const neverOn = await stack.neverIn('ALARM', alarms);
      const wentOff = await stack.news();
      await driver.settle(stack);
      const neverOver = await stack.neverIn('OK', [...alarms, ...telling]);
      const wereOver = await stack.news();

      expect({ notOk, neverOn, neverOver }).toEqual({ notOk: [], neverOn: [], neverOver: [] });
      expect(alarms.length).toBeGreaterThan(0);
      const told = (news: typeof wentOff, name: string) => news.filter(({ alarm }) => alarm === name);
      for (const alarm of telling) {
        const { AlarmActions, AlarmDescription: description } = stack.propertiesOf(alarm);
        const severity = JSON.stringify(AlarmActions).includes('OperationsPages') ? 'pages' : 'notices';
        expect(told(wentOff, alarm)).toEqual([
          { severity, alarm, state: 'ALARM', description: expect.anything() },
        ]);
        expect(told(wereOver, alarm)).toEqual([
          { severity, alarm, state: 'OK', description: expect.anything() },
        ]);
        expect(description).toBeDefined();
      }
      // What a composite alarm announces is told by that alone, and what takes a release back by nobody.
      expect(telling).toHaveLength(kind === 'ReleaseRetrying' ? 0 : alarms.length);
      for (const alarm of alarms.filter((each) => !telling.includes(each))) {
        expect([...told(wentOff, alarm), ...told(wereOver, alarm)]).toEqual([]);
      }
    },
  );

  test('growing dead letters are announced anew for each minute that brings one, while the older ones lie there', async () => {
    const [queue = ''] = stack.queues;
    const [alarm = ''] = stack.alarms('DeadLettersGrowing');
    const [hasDeadLetters = ''] = stack.alarms('HasDeadLetters');
    await stack.purge();
    await stack.deadLetter(queue);
    await stack.minutes(20);
    await stack.news();

    for (let letter = 0; letter < 3; letter += 1) {
      await stack.deadLetter(queue);
      // With a datapoint that never came, CloudWatch looks further back.
      await stack.minutes(6);
    }
    const news = await stack.news();

    const statesOf = (name: string) => news.filter((each) => each.alarm === name).map(({ state }) => state);
    expect(statesOf(alarm)).toEqual(['ALARM', 'OK', 'ALARM', 'OK', 'ALARM', 'OK']);
    expect(statesOf(hasDeadLetters)).toEqual([]);
  });

  test('one cause wakes once: a consumer that says it dead-lettered, and a queue whose metrics tell of it later', async () => {
    const [queue = ''] = stack.deadLetterQueues;
    await stack.purge();
    await stack.neverIn('OK', composites);
    await stack.minutes(10);
    await stack.news();

    await stack.send(queue);
    await stack.report('DeadLettered', 1);
    await stack.minutes(40);
    const pages = (await stack.news()).filter(({ severity }) => severity === 'pages');

    const [first = ''] = Object.keys(of.consumers);
    const ofFirst = pages.filter(({ alarm }) => alarm.includes(alarmsId(first)));
    expect(ofFirst.map(({ alarm, state }) => [alarm, state])).toEqual([
      [stack.alarms('HasDeadLetters')[0], 'ALARM'],
    ]);
  });

  test('a dead letter that lies there hides no outage: that pages, too', async () => {
    const [queue = ''] = stack.deadLetterQueues;
    await stack.send(queue);
    await stack.minutes(30);
    await stack.news();

    await drivers.Retrying?.raise(stack);
    await stack.minutes(5);
    const pages = (await stack.news()).filter(({ severity }) => severity === 'pages');

    const [unhealthy] = stack.alarms('Unhealthy');
    expect(pages.filter(({ alarm }) => alarm === unhealthy).map(({ state }) => state)[0]).toBe('ALARM');
  });

  test('a queue that drains one message a minute, all of them old, does not look well', async () => {
    const [queue = ''] = stack.queues;
    const [alarm = ''] = stack.alarms('OldestMessage');
    await stack.purge();
    await stack.neverIn('OK', [alarm]);
    for (let message = 0; message < 60; message += 1) await stack.send(queue);
    const seen = new Set<string | undefined>();

    for (let minute = 0; minute < 50; minute += 1) {
      await stack.workOff(queue);
      await stack.minutes(1);
      seen.add((await stack.run.cloudWatch.alarmStates())[alarm]);
    }

    expect([...seen]).toEqual(['OK', 'ALARM']);
  });
});

test('an alarm that can never go off is found out', async () => {
  const template = structuredClone(synthesize('dev').toJSON()) as StackTemplate;
  const [id, alarm] =
    Object.entries(template.Resources).find(([each]) => kindOf(each) === 'DeadLetters') ?? [];
  // The classic: what SQS itself moves to a dead-letter queue is not sent there.
  template.Resources.BillingAlarmsDeadLetters00000000 = JSON.parse(
    JSON.stringify(alarm).replace(/ApproximateNumberOfMessages\w+/g, 'NumberOfMessagesSent'),
  );
  const stack = await WatchedStack.start(template);
  await stack.minutes(1);

  await drivers.DeadLetters?.raise(stack);
  const neverOn = await stack.neverIn('ALARM', stack.alarms('DeadLetters'));
  await stack.stop();

  expect(id).toBeDefined();
  expect(neverOn).toEqual(['Shop-BillingAlarmsDeadLetters00000000']);
});

test('a notification that the topic does not let in is a problem of the run', async () => {
  const template = structuredClone(synthesize('dev').toJSON()) as StackTemplate;
  for (const [id, { Type }] of Object.entries(template.Resources)) {
    if (Type === 'AWS::SNS::TopicPolicy' && id.startsWith('Operations')) delete template.Resources[id];
  }
  const stack = await WatchedStack.start(template);

  await stack.minutes(1);
  const news = await stack.news();
  const { problems } = stack.run;
  await stack.stop();

  expect(news).toEqual([]);
  expect(problems.join('\n')).toMatch(
    /alarm notification "OK: .*" was refused: .*cloudwatch\.amazonaws\.com/,
  );
});
