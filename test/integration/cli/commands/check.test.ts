// `check` on a whole stack that runs here, with queues in place of those who are mailed. What no emulator says is scripted.
import fs from 'node:fs';
import path from 'node:path';
import { SetTopicAttributesCommand, SNSClient, UnsubscribeCommand } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { stages } from '../../../../lib/config.ts';
import {
  type CommandOptions,
  command,
  RunningCommand,
  useAwsEnvironment,
} from '../../../fixtures/command.ts';
import type { Ended } from '../../../fixtures/run.ts';
import {
  type Answer,
  describedStack,
  type Input,
  queryError,
  type Script,
  type ScriptedAws,
  scriptedAws,
} from '../../../fixtures/scripted-aws.ts';
import { synthesize, withOperators } from '../../../fixtures/synthesized.ts';
import type { StackTemplate } from '../../../fixtures/watched-stack.ts';
import { WatchedStack } from '../../../fixtures/watched-stack.ts';

let stack: WatchedStack;
let sns: SNSClient;

beforeAll(async () => {
  // The stage with a key of its own.
  const { archive, ...settings } = withOperators('prod').settings ?? stages.prod;
  const template = synthesize('prod', { settings }).toJSON() as StackTemplate;
  stack = await WatchedStack.start(structuredClone(template));
  sns = new SNSClient(stack.run.client);
  const directory = temporaryFolder('check-');
  process.env.LOCAL_RUN_DIRECTORY = directory;
  fs.writeFileSync(path.join(directory, 'endpoint.json'), JSON.stringify(stack.run.endpoint));
});
afterAll(async () => {
  sns.destroy();
  await stack.stop();
});

const output = (name: string) =>
  stack.run.stack.description.outputs.find(({ key }) => key === name)?.value ?? '';
const local = (args: string[] = [], options?: CommandOptions) =>
  command(['check', '--local', ...args], options);
const alarmsOfTemplate = () =>
  Object.values(stack.template.Resources).filter(({ Type }) => /^AWS::CloudWatch::\w*Alarm$/.test(Type))
    .length;
/** Without the breaks of lines. */
const flat = (text: string) => text.replaceAll(/\s+/g, ' ');
/** Lines of what is not well, each in one. */
const problems = ({ stdout }: Ended) =>
  Array.from(stdout.matchAll(/^PROBLEM .*(\n {9}.*)*/gm), ([line]) => flat(line));

/** The variable that names the endpoint of a service. */
const variableOf = (service: string) =>
  `AWS_ENDPOINT_URL_${service === 'monitoring' ? 'CLOUDWATCH' : service.toUpperCase()}`;

/** The command as on AWS: the services that the script is of answer by it alone, the others are those of the local run. */
async function scripted(
  script: Script,
  args: string[] = ['--no-drift'],
  whenRunning: (running: RunningCommand, aws: ScriptedAws) => Promise<void> = async () => {},
): Promise<Ended & { calls: ScriptedAws['calls'] }> {
  const outputs = stack.run.stack.description.outputs.map(
    ({ key, value, description = '' }) => [key, [value, description]] as const,
  );
  const aws = await scriptedAws({
    'cloudformation:DescribeStacks': () => describedStack(Object.fromEntries(outputs)),
    ...script,
  });
  const services = new Set(Object.keys(script).map((action) => action.split(':')[0] ?? ''));
  useAwsEnvironment({
    AWS_ENDPOINT_URL: stack.run.client.endpoint,
    AWS_REGION: stack.run.client.region,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_MAX_ATTEMPTS: '1',
    ...Object.fromEntries(Array.from(services, (service) => [variableOf(service), aws.endpoint])),
  });
  const running = new RunningCommand(['check', '--stack', stack.run.endpoint.stackName, ...args]);
  await whenRunning(running, aws);
  const ended = await running.ended;
  await aws.close();
  return { ...ended, calls: aws.calls };
}

/** Ctrl-C once this was called. */
const interruptAt = (call: string) => async (running: RunningCommand, aws: ScriptedAws) => {
  while (!aws.calls.some(({ action }) => action.endsWith(call))) await new Promise(setImmediate);
  running.interrupt();
};

test('alarms that have told nobody yet are to be tried', async () => {
  const ended = await local();

  expect(problems(ended)).toEqual([
    'PROBLEM pages history: no alarm has notified this topic in the history that CloudWatch keeps. To do: try it with `npm run orders -- check --fire --local`',
    'PROBLEM notices history: no alarm has notified this topic in the history that CloudWatch keeps. To do: try it with `npm run orders -- check --fire --local`',
  ]);
  expect(ended.stdout).toMatch(/\nNot well: 2 of 11\.\n$/);
  expect(ended.code).toBe(1);
});

test('a stack that is well has a line for each side of it', async () => {
  await stack.minutes(1);
  await stack.news();

  const { code, stdout, stderr } = await local();

  const lines = stdout.replaceAll(/\n {9}/g, ' ').split('\n');
  expect(lines.map((line) => line.replace(/ at [\d-]+ [\d:]+Z$/, ' at …'))).toEqual([
    'Shop in us-east-1',
    'ok       orders topic: 4 queues subscribed',
    'ok       mappings: 3 consumers on',
    'ok       queues: 3 queues with a dead-letter queue',
    'ok       concurrency: 25 needed at most; the account has 1,000 for all functions without a reservation, of 1,000',
    'ok       keys: 1 key enabled',
    'ok       pages topic: tells the sqs endpoint pages',
    'ok       notices topic: tells the sqs endpoint notices',
    `ok       alarms: ${alarmsOfTemplate()} alarms announced`,
    'ok       pages history: the topic was last told at …',
    'ok       notices history: the topic was last told at …',
    'ok       drift: not checked: a local stack does not drift',
    '',
    'All is well.',
    '',
  ]);
  expect(stdout.split('\n').every((line) => line.length <= 80)).toBe(true);
  expect(stderr).toBe('Checking Shop\nChecked Shop\n');
  expect(code).toBe(0);
});

test('--json prints one object; --no-drift and --no-history leave out those, and nothing else', async () => {
  const { code, stdout, stderr } = await local(['--json', '--no-drift', '--no-history']);
  const { findings, ...rest } = JSON.parse(stdout);

  expect(rest).toEqual({ stack: 'Shop', region: 'us-east-1', at: expect.any(String), ok: true });
  expect(findings[0]).toEqual({ subject: 'orders topic', ok: true, says: '4 queues subscribed', toDo: null });
  expect(findings.map(({ subject }: { subject: string }) => subject).join()).toBe(
    'orders topic,mappings,queues,concurrency,keys,pages topic,notices topic,alarms',
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

describe('--fire', () => {
  test('sets an alarm of each severity as a test, whose message arrives, and sets it back', async () => {
    const { code, stdout } = await local(['--fire', '--yes']);

    const news = await stack.news();
    expect(flat(stdout)).toMatch(
      / ok pages test: (\S+) told the topic at \S+ \S+: look for it at the sqs endpoint pages ok notices test: \S+ told /,
    );
    expect(code).toBe(0);
    expect(news.map(({ severity, state }) => [severity, state])).toEqual([
      ['pages', 'ALARM'],
      ['pages', 'OK'],
      ['notices', 'ALARM'],
      ['notices', 'OK'],
    ]);
    const told = new Set(news.map(({ alarm }) => alarm));
    const alarms = (await stack.run.cloudWatch.alarms()).filter(({ name }) => told.has(name));
    expect(alarms).toMatchObject(
      Array(2).fill({ state: 'OK', reason: 'The test by local is over: orders check --fire.' }),
    );
  });

  test.each(['n', '', 'yess'])('does nothing for the answer "%s"', async (answer) => {
    const { code, stdout, stderr } = await local(['--fire'], { input: `${answer}\n`, isTerminal: true });

    expect(stderr).toMatch(
      /^Shop-\S+ will be set to ALARM and back, and tell the pages topic\.\nShop-.*notices topic\.\n/,
    );
    expect(stderr).toMatch(/No alarm was set\.\n$/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(await stack.news()).toEqual([]);
  });

  test('goes on for the answer "y"', async () => {
    const { code } = await local(['--fire'], { input: 'y\n', isTerminal: true });

    expect(code).toBe(0);
    expect(await stack.news()).toHaveLength(4);
  });

  test('without a terminal wants to be told not to ask', async () => {
    const { code, stdout, stderr } = await local(['--fire']);

    expect(stderr).toBe(
      'There is no terminal to ask on: add --yes to set alarms to ALARM without being asked\n',
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('says why the topic did not take it, as does the history afterwards', async () => {
    const TopicArn = output('PagesTopicArn');
    const policy = (AttributeValue: string) =>
      sns.send(new SetTopicAttributesCommand({ TopicArn, AttributeName: 'Policy', AttributeValue }));
    await policy('');

    const fired = problems(await local(['--fire', '--yes']));
    const history = problems(await local());
    await policy(
      JSON.stringify({
        Statement: {
          Effect: 'Allow',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Action: 'sns:Publish',
          Resource: TopicArn,
        },
      }),
    );

    expect(fired).toEqual([
      expect.stringMatching(/^PROBLEM pages history: /),
      expect.stringMatching(
        /^PROBLEM pages test: the topic rejected the notification of Shop-\S+ at \S+ \S+: .* is not authorized to perform: sns:Publish .*\. To do: fix what it says, and try again$/,
      ),
    ]);
    expect(history).toEqual([
      expect.stringMatching(
        /^PROBLEM pages history: the topic rejected .* To do: fix that, and try it with `npm run orders -- check --fire --local`$/,
      ),
    ]);
    await local(['--fire', '--yes']);
    await stack.news();
  });

  test('sets the alarm back after Ctrl-C', async () => {
    const { code, stdout, calls } = await scripted(
      { ...alarms([{ AlarmName: 'Shop-Page1' }]), 'monitoring:SetAlarmState': () => ({ json: {} }) },
      ['--fire', '--yes'],
      interruptAt('SetAlarmState'),
    );
    const states = calls
      .filter(({ action }) => action === 'monitoring:SetAlarmState')
      .map(({ input }) => input.StateValue);

    expect(states).toEqual(['ALARM', 'OK']);
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  });

  test.each([
    ['is lost', { status: 500, json: {} }, 1],
    ['is lost, as is that of the way back', { status: 500, json: {} }, 2],
    ['is that one may not', { status: 400, json: { __type: 'AccessDeniedException' } }, 1],
  ])('where the answer %s, sets the alarm back, and says what is not known', async (_, answer, found) => {
    const isRefused = ({ StateValue }: Input) =>
      StateValue === 'ALARM' || found === 2 || answer.status === 400;
    const ended = await scripted(
      {
        ...alarms([{ AlarmName: 'Shop-Page1' }]),
        'monitoring:SetAlarmState': (input) => (isRefused(input) ? answer : { json: {} }),
      },
      ['--fire', '--yes', '--no-drift'],
    );
    const set = ended.calls.filter(({ action }) => action === 'monitoring:SetAlarmState');

    expect(set.map(({ input }) => input.StateValue)).toEqual(['ALARM', 'OK']);
    expect(problems(ended).filter((line) => line.startsWith('PROBLEM pages test: '))).toEqual(
      [
        expect.stringMatching(/^PROBLEM pages test: could not be checked: /),
        expect.stringMatching(/^PROBLEM pages test: Shop-Page1 could not be set back to OK: /),
      ].slice(0, found),
    );
    expect(ended.code).toBe(1);
  });

  test('takes no alarm that is in ALARM, or that a composite alarm looks at', async () => {
    const ended = await scripted(
      alarms(
        [{ AlarmName: 'Shop-Page1', StateValue: 'ALARM' }, { AlarmName: 'Shop-Page2' }],
        [{ AlarmName: 'ShopSum', AlarmRule: 'ALARM(Shop-Page2) OR ALARM("Shop-Page3")' }],
      ),
      ['--fire', '--yes', '--no-drift'],
    );

    expect(problems(ended)).toContainEqual(
      expect.stringMatching(/^PROBLEM pages test: no alarm could be set: /),
    );
    expect(ended.calls.map(({ action }) => action)).not.toContain('monitoring:SetAlarmState');
  });
});

type Alarm = { AlarmName: string } & Record<string, unknown>;

/** CloudWatch with these alarms, which page unless they say otherwise, and have told of it. */
function alarms(metric: Alarm[], composite: Alarm[] = [], history: object[] = []): Script {
  const complete = (alarm: Alarm) => ({
    ActionsEnabled: true,
    AlarmActions: [output('PagesTopicArn')],
    StateValue: 'OK',
    ...alarm,
  });
  return {
    'monitoring:DescribeAlarms': ({ AlarmTypes }) =>
      AlarmTypes[0] === 'MetricAlarm'
        ? { json: { MetricAlarms: metric.map(complete) } }
        : { json: { CompositeAlarms: composite.map(complete) } },
    'monitoring:DescribeAlarmHistory': () => ({ json: { AlarmHistoryItems: history } }),
  };
}

/** A subscription in SNS's answer. */
type Member = [protocol: string, endpoint: string, arn: string];
const CONFIRMED = 'arn:aws:sns:us-east-1:000000000000:any:1';
const PENDING: Member = ['email', 'operations@example.com', 'PendingConfirmation'];
const BOSS: Member = ['email', 'boss@example.com', CONFIRMED];
const queueOf = (id: string): Member => [
  'sqs',
  `arn:aws:sqs:us-east-1:000000000000:${output(`${id}QueueUrl`).split('/').at(-1)}`,
  CONFIRMED,
];
const subscriptions = (members: Member[]): Answer => ({
  xml: `<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions>${members
    .map(
      ([protocol, endpoint, arn]) =>
        `<member><SubscriptionArn>${arn}</SubscriptionArn><Protocol>${protocol}</Protocol><Endpoint>${endpoint}</Endpoint></member>`,
    )
    .join('')}</Subscriptions></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>`,
});
const topicAttributes: Answer = {
  xml: '<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes></Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>',
};
/** SNS with these subscriptions to the topic of orders and to both topics of alarms. */
const topics = (
  operations: Member[],
  orders: Member[] = ['Billing', 'Inventory', 'Shipping', 'Unrouted'].map(queueOf),
): Script => ({
  'sns:ListSubscriptionsByTopic': ({ TopicArn }) =>
    subscriptions(TopicArn === output('OrdersTopicArn') ? orders : operations),
  'sns:GetTopicAttributes': () => topicAttributes,
});

/** Lambda with so much concurrency left, mappings of 10, and what is reserved for Billing. */
const lambda = (
  left: number,
  reserved: object = {},
  mapping: object = { ScalingConfig: { MaximumConcurrency: 10 } },
): Script => ({
  'lambda:GET /2016-08-19/account-settings': () => ({
    json: { AccountLimit: { ConcurrentExecutions: 1000, UnreservedConcurrentExecutions: left } },
  }),
  ...Object.fromEntries(
    ['Billing', 'Inventory', 'Shipping'].flatMap((name): [string, () => Answer][] => [
      [
        `lambda:GET /2015-03-31/event-source-mappings/${output(`${name}EventSourceMappingId`)}`,
        () => ({ json: { State: 'Enabled', ...mapping } }),
      ],
      [
        `lambda:GET /2019-09-30/functions/${output(`${name}FunctionName`)}/concurrency`,
        () => ({ json: name === 'Billing' ? reserved : {} }),
      ],
    ]),
  ),
});

const redrivePolicies = (): Script => {
  const to = (id: string) => ({
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${output(`${id}DeadLetterQueueUrl`).split('/').at(-1)}`,
      maxReceiveCount: 3,
    }),
  });
  const policies = new Map<string, object>([
    [output('BillingQueueUrl'), {}],
    [output('InventoryQueueUrl'), to('Shipping')],
    [output('ShippingQueueUrl'), to('Shipping')],
  ]);
  return { 'sqs:GetQueueAttributes': ({ QueueUrl }) => ({ json: { Attributes: policies.get(QueueUrl) } }) };
};
const keyState = (KeyState: string) => (): Script => ({
  'kms:DescribeKey': () => ({ json: { KeyMetadata: { KeyState } } }),
});
const keyProblem = (state: string, cure: string) =>
  expect.stringMatching(
    new RegExp(
      `^keys: arn:\\S+ is ${state}: what it encrypts can neither be sent nor read\\. To do: ${cure}$`,
    ),
  );

const id = '<StackDriftDetectionId>d-1</StackDriftDetectionId>';
const wrapped = (operation: string, content: string): Answer => ({
  xml: `<${operation}Response><${operation}Result>${content}</${operation}Result></${operation}Response>`,
});
/** @param statuses of one look after the other; the last one stays */
function drift(statuses: string[], drifts = ''): Script {
  const left = [...statuses];
  return {
    'cloudformation:DetectStackDrift': () => wrapped('DetectStackDrift', id),
    'cloudformation:DescribeStackDriftDetectionStatus': () =>
      wrapped(
        'DescribeStackDriftDetectionStatus',
        `${id}<DetectionStatus>${left.length > 1 ? left.shift() : left[0]}</DetectionStatus><DetectionStatusReason>No right to read them</DetectionStatusReason>`,
      ),
    'cloudformation:DescribeStackResourceDrifts': ({
      'StackResourceDriftStatusFilters.member.1': first,
      'StackResourceDriftStatusFilters.member.2': second,
      'StackResourceDriftStatusFilters.member.3': third,
    }) =>
      wrapped(
        'DescribeStackResourceDrifts',
        // Only resources that have drifted are asked for.
        `<StackResourceDrifts>${[first, second, third].join() === 'MODIFIED,DELETED,' ? drifts : ''}</StackResourceDrifts>`,
      ),
  };
}
const DRIFTED = `<member><LogicalResourceId>Queue</LogicalResourceId><ResourceType>AWS::SQS::Queue</ResourceType><StackResourceDriftStatus>MODIFIED</StackResourceDriftStatus><PropertyDifferences><member><PropertyPath>/VisibilityTimeout</PropertyPath></member></PropertyDifferences></member><member><LogicalResourceId>Alarm</LogicalResourceId><ResourceType>AWS::CloudWatch::Alarm</ResourceType><StackResourceDriftStatus>DELETED</StackResourceDriftStatus></member>`;
const UNDO = 'To do: find out who did that and why; `npx cdk deploy Shop --revert-drift` takes it back';
const DRIFTS = [
  `drift: Queue (AWS::SQS::Queue) is not as in the template: /VisibilityTimeout. ${UNDO}`,
  `drift: Alarm (AWS::CloudWatch::Alarm) was deleted. ${UNDO}`,
];
const UNCONFIRMED =
  'topic: o…s@example.com has not confirmed and gets nothing. To do: its owner follows the link in the mail from AWS, which is valid for three days; subscribing the address again sends another';
const OFF = { ActionsEnabled: false };
const NO_HISTORY = ['--no-drift', '--no-history'];

test.each<[string, () => Script, problems: unknown[], args?: string[]]>([
  [
    'alarms whose actions are disabled, with the command that enables them',
    () =>
      alarms(
        [
          { AlarmName: 'Shop-Page1', ...OFF },
          { AlarmName: 'Shop-Part1', AlarmActions: [], ...OFF },
        ],
        [
          {
            AlarmName: 'ShopSum',
            ...OFF,
            AlarmRule: 'ALARM("arn:aws:cloudwatch:us-east-1:0:alarm:Shop-Part1")',
          },
        ],
      ),
    [
      ...['Shop-Page1', 'ShopSum'].map(
        (name) =>
          `alarms: the actions of ${name} are disabled: it notifies nobody. To do: \`aws cloudwatch enable-alarm-actions --alarm-names ${name}\``,
      ),
    ],
    NO_HISTORY,
  ],
  [
    'alarms without actions that are in no composite alarm, but not those of other stacks',
    () =>
      alarms(
        [
          { AlarmName: 'Shop-Part1', AlarmActions: [] },
          { AlarmName: 'Shop-eu-Part1-ABC', AlarmActions: [] },
        ],
        [{ AlarmName: 'Other', ...OFF, AlarmRule: 'ALARM(Shop-eu-Part1-ABC) AND NOT OK(Elsewhere)' }],
      ),
    [
      'alarms: Shop-Part1 has no action, and is in no composite alarm: it notifies nobody. To do: set its actions again with `npx cdk deploy Shop --revert-drift`',
    ],
    NO_HISTORY,
  ],
  ['that there are no alarms', () => alarms([]), [expect.stringMatching(/^alarms: there are none, /)]],
  [
    'an address that has not confirmed beside one that has',
    () => topics([BOSS, PENDING]),
    [`pages ${UNCONFIRMED}`, `notices ${UNCONFIRMED}`],
  ],
  [
    'queues that are not subscribed, or not confirmed',
    () => {
      const [protocol, inventory] = queueOf('Inventory');
      return topics([BOSS], [queueOf('Billing'), [protocol, inventory, 'PendingConfirmation']]);
    },
    [
      ['inventory', 'order'],
      ['shipping', 'order'],
      ['unrouted', 'message that nobody asks for'],
    ].map(
      ([name, what]) =>
        `orders topic: the queue of ${name} is not subscribed: no ${what} reaches it. To do: subscribe it again with \`npx cdk deploy Shop --revert-drift\``,
    ),
  ],
  [
    'topics that it may not read, with the permission that is missing',
    () => ({
      ...topics([]),
      'sns:ListSubscriptionsByTopic': () =>
        queryError(
          'AuthorizationError',
          'User: arn:aws:iam::0:user/x is not authorized to perform: SNS:ListSubscriptionsByTopic on resource: arn:any',
          403,
        ),
    }),
    ['orders', 'pages', 'notices'].map(
      (name) =>
        `${name} topic: could not be checked: Access denied: these credentials lack the IAM action SNS:ListSubscriptionsByTopic on arn:any. To do: check again with credentials that may do that`,
    ),
  ],
  [
    'a queue without a redrive policy, and one whose policy names a queue that is not its own',
    redrivePolicies,
    ['billing', 'inventory'].map(
      (name) =>
        `queues: that of ${name} has no redrive policy to its dead-letter queue: a message that crashes the function is retried until it expires. To do: set it again with \`npx cdk deploy Shop --revert-drift\``,
    ),
  ],
  [
    'too little concurrency',
    () => lambda(29),
    [
      'concurrency: the consumers may take 30 at a time, but the account has 29 for all functions without a reservation, of 1,000. To do: raise the Lambda quota "Concurrent executions" in Service Quotas, or lower maxConcurrency in lib/config.ts',
    ],
  ],
  [
    'mappings without a limit, which take all that Lambda gives them',
    () => lambda(1_000, {}, {}),
    [expect.stringContaining('the consumers may take 3,750 at a time')],
  ],
  [
    'a key that is Disabled',
    keyState('Disabled'),
    [keyProblem('Disabled', '`aws kms enable-key --key-id arn:\\S+`, and check again')],
  ],
  [
    'a key that is PendingDeletion',
    keyState('PendingDeletion'),
    [keyProblem('PendingDeletion', '`aws kms cancel-key-deletion --key-id arn:\\S+`, and check again')],
  ],
  ['a key that is Unavailable', keyState('Unavailable'), [keyProblem('Unavailable', 'enable it')]],
  [
    'resources that have drifted',
    () => drift(['DETECTION_IN_PROGRESS', 'DETECTION_COMPLETE'], DRIFTED),
    DRIFTS,
    [],
  ],
  [
    'that drift is not known of all resources',
    () => drift(['DETECTION_FAILED'], DRIFTED),
    [
      'drift: could not be checked for all resources: No right to read them. To do: check again, or leave it out with --no-drift',
      ...DRIFTS,
    ],
    [],
  ],
])('finds %s', async (_, script, expected, args) => {
  const ended = await scripted(script(), args);

  expect(problems(ended).map((line) => line.replace('PROBLEM ', ''))).toEqual(expected);
  expect(ended.code).toBe(1);
});

test.each<[string, () => Script, said: string, args?: string[]]>([
  ['enough concurrency', () => lambda(30), '30 needed at most; the account has 30 for all'],
  [
    'enough concurrency beside what is reserved',
    () => lambda(20, { ReservedConcurrentExecutions: 10 }),
    '20 needed at most; the account has 20 for all',
  ],
  [
    'a confirmed address, of which it shows little',
    () => topics([BOSS]),
    'pages topic: tells b…s@example.com',
  ],
  ['no drift', () => drift(['DETECTION_IN_PROGRESS', 'DETECTION_COMPLETE']), 'drift: none', []],
])('is content with %s', async (_, script, said, args) => {
  const { code, stdout } = await scripted(script(), args);

  expect(flat(stdout)).toContain(said);
  expect(code).toBe(0);
});

test('finds that nobody is subscribed to a topic of alarms, until somebody is', async () => {
  // It gives the ARN of the one that there is.
  const SubscriptionArn = await stack.subscribe('notices');
  await sns.send(new UnsubscribeCommand({ SubscriptionArn }));

  const ended = await local();
  await stack.subscribe('notices');

  expect(problems(ended)).toEqual([
    'PROBLEM notices topic: nobody is subscribed: no alarm of this kind reaches anybody. To do: subscribe a queue to it to see them; on AWS, set operations.email of the stage in lib/config.ts and deploy, or subscribe somebody',
  ]);
  expect((await local()).code).toBe(0);
});

test('finds a consumer that is stopped, with the command that starts it', async () => {
  await command(['stop', 'billing', '--local']);

  const ended = await local();
  await command(['start', 'billing', '--local']);

  expect(problems(ended)).toEqual([
    'PROBLEM mappings: that of billing is Disabled: its messages wait in the queue. To do: `npm run orders -- start billing --local`, unless it was stopped on purpose',
  ]);
});

describe('the history of alarms', () => {
  const item = (Timestamp: number, HistorySummary: string, HistoryData = '{}') => ({
    Timestamp,
    HistorySummary,
    HistoryData,
  });
  const failed = (HistoryData: string) => (topic: string) =>
    item(3, `Failed to execute action ${topic}. Received error: "cut`, HistoryData);
  const told =
    (time: number, suffix = '') =>
    (topic: string) =>
      item(time, `Successfully executed action ${topic}${suffix}`);
  const error = JSON.stringify({ error: 'the whole\u001b[31m reason' });

  test.each<[string, history: ((topic: string) => object)[], says: RegExp]>([
    [
      'a failure after a success, with its whole reason',
      [failed(error), told(2)],
      /the whole\uFFFD\[31m reason\. To do: /,
    ],
    ['a failure whose reason is cut', [failed('no JSON')], /Received error: "cut\. To do: /],
    [
      'a success after a failure',
      [told(4), failed(error)],
      /the topic was last told at 1970-01-01 00:00:04Z /,
    ],
    ['a success on a topic with a longer name', [told(4, '-too')], /: no alarm has notified/],
  ])('ends with %s', async (_, history, says) => {
    const topic = output('PagesTopicArn');

    const { stdout } = await scripted(
      alarms(
        [{ AlarmName: 'Shop-Page1' }],
        [],
        history.map((each) => each(topic)),
      ),
    );

    expect(flat(stdout)).toMatch(new RegExp(`pages history: .*?${says.source}`));
  });
});

test('drift is no longer waited for after Ctrl-C', async () => {
  const { code, stdout, stderr } = await scripted(
    drift(['DETECTION_IN_PROGRESS']),
    [],
    interruptAt('DetectionStatus'),
  );

  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  expect(stderr).toMatch(/Stopped checking\n$/);
});
