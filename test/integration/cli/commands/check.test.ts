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

const VARIABLES: Record<string, string> = {
  cloudformation: 'CLOUDFORMATION',
  kms: 'KMS',
  lambda: 'LAMBDA',
  monitoring: 'CLOUDWATCH',
  sns: 'SNS',
  sqs: 'SQS',
};

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
    ...Object.fromEntries(
      Array.from(services, (service) => [`AWS_ENDPOINT_URL_${VARIABLES[service]}`, aws.endpoint]),
    ),
  });
  const running = new RunningCommand(['check', '--stack', stack.run.endpoint.stackName, ...args]);
  await whenRunning(running, aws);
  const ended = await running.ended;
  await aws.close();
  return { ...ended, calls: aws.calls };
}

test('alarms that have told nobody yet are to be tried', async () => {
  const ended = await local();

  expect(problems(ended)).toEqual([
    'PROBLEM pages history: no alarm has told this topic anything in the history that CloudWatch keeps. To do: try it with `npm run orders -- check --fire --local`',
    'PROBLEM notices history: no alarm has told this topic anything in the history that CloudWatch keeps. To do: try it with `npm run orders -- check --fire --local`',
  ]);
  expect(ended.stdout).toMatch(/\nNot well: 2 of 11\.\n$/);
  expect(ended.code).toBe(1);
});

test('--no-history leaves out what the alarms have told, and nothing else', async () => {
  const { code, stdout } = await local(['--json', '--no-history']);
  const { findings } = JSON.parse(stdout);

  expect(findings.map(({ subject }: { subject: string }) => subject)).toEqual([
    'orders topic',
    'mappings',
    'queues',
    'concurrency',
    'keys',
    'pages topic',
    'notices topic',
    'alarms',
    'drift',
  ]);
  expect(code).toBe(0);
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

test('as JSON it is one object, and --no-drift leaves the drift out', async () => {
  const { code, stdout, stderr } = await local(['--json', '--no-drift']);
  const { findings, ...rest } = JSON.parse(stdout);

  expect(rest).toEqual({ stack: 'Shop', region: 'us-east-1', at: expect.any(String), ok: true });
  expect(findings).toHaveLength(10);
  expect(findings[0]).toEqual({ subject: 'orders topic', ok: true, says: '4 queues subscribed', toDo: null });
  expect(findings.map(({ subject }: { subject: string }) => subject)).not.toContain('drift');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

describe('--fire', () => {
  test('sets an alarm of each severity, whose message arrives, and sets it back', async () => {
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
    for (const { alarm } of news) expect((await stack.run.cloudWatch.alarmStates())[alarm]).toBe('OK');
  });

  test('says in the message that it is a test, and by whom', async () => {
    await local(['--fire', '--yes']);

    const alarms = await stack.run.cloudWatch.alarms();
    const reasons = alarms.map(({ reason }) => reason).filter((reason) => reason.includes('--fire'));
    expect(reasons).toEqual(Array(2).fill('The test by local is over: orders check --fire.'));
    await stack.news();
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
        /^PROBLEM pages test: the topic did not take what Shop-\S+ told it at \S+ \S+: .* is not authorized to perform: sns:Publish .*\. To do: mend what it says, and try again$/,
      ),
    ]);
    expect(history).toEqual([
      expect.stringMatching(
        /^PROBLEM pages history: the topic did not take .* To do: mend that, and try it with `npm run orders -- check --fire --local`$/,
      ),
    ]);
    await local(['--fire', '--yes']);
    await stack.news();
  });

  test('sets the alarm back after Ctrl-C', async () => {
    const { code, stdout, calls } = await scripted(
      { ...alarms([{ AlarmName: 'Shop-Page1' }]), 'monitoring:SetAlarmState': () => ({ json: {} }) },
      ['--fire', '--yes'],
      async (running, aws) => {
        while (!aws.calls.some(({ action }) => action.endsWith('SetAlarmState'))) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        running.interrupt();
      },
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

describe('alarms', () => {
  test('whose actions are disabled are named, with the command that enables them', async () => {
    const ended = await scripted(
      alarms(
        [
          { AlarmName: 'Shop-Page1', ActionsEnabled: false },
          { AlarmName: 'Shop-Part1', AlarmActions: [], ActionsEnabled: false },
        ],
        [
          {
            AlarmName: 'ShopSum',
            ActionsEnabled: false,
            AlarmRule: 'ALARM("arn:aws:cloudwatch:us-east-1:0:alarm:Shop-Part1")',
          },
        ],
      ),
    );

    expect(problems(ended).filter((line) => line.startsWith('PROBLEM alarms'))).toEqual(
      ['Shop-Page1', 'ShopSum'].map(
        (name) =>
          `PROBLEM alarms: the actions of ${name} are disabled: it tells nobody. To do: \`aws cloudwatch enable-alarm-actions --alarm-names ${name}\``,
      ),
    );
    expect(ended.code).toBe(1);
  });

  test('without actions, and in no composite alarm, are named; those of other stacks are not', async () => {
    const AlarmActions: string[] = [];
    const ended = await scripted(
      alarms(
        [
          { AlarmName: 'Shop-Part1', AlarmActions },
          { AlarmName: 'Shop-eu-Part1-ABC', AlarmActions },
        ],
        [
          {
            AlarmName: 'Other',
            AlarmRule: 'ALARM(Shop-eu-Part1-ABC) AND NOT OK(Elsewhere)',
            ActionsEnabled: false,
          },
        ],
      ),
    );

    expect(problems(ended).filter((line) => line.startsWith('PROBLEM alarms'))).toEqual([
      'PROBLEM alarms: Shop-Part1 has no action, and no composite alarm sums it up: it tells nobody. To do: set its actions again with `npx cdk deploy Shop --revert-drift`',
    ]);
  });

  test('that are all gone are a finding', async () => {
    const ended = await scripted(alarms([]));

    expect(problems(ended)).toEqual([expect.stringMatching(/^PROBLEM alarms: there are none: /)]);
  });

  test('are judged by the last of their notifications on each topic', async () => {
    const item = (Timestamp: number, HistorySummary: string, HistoryData = '{}') => ({
      Timestamp,
      HistorySummary,
      HistoryData,
    });
    const pages = output('PagesTopicArn');
    const failed = `Failed to execute action ${pages}. Received error: "cut`;
    const error = JSON.stringify({ error: 'the whole\u001b[31m reason' });
    const alarm = [{ AlarmName: 'Shop-Page1' }];
    const ofPages = async (...history: object[]) =>
      flat((await scripted(alarms(alarm, [], history))).stdout).match(
        /pages history: .*? (?=PROBLEM|ok)/,
      )?.[0];

    expect(await ofPages(item(3, failed, error), item(2, `Successfully executed action ${pages}`))).toMatch(
      /: the whole\uFFFD\[31m reason\. To do: /,
    );
    expect(await ofPages(item(3, failed, 'no JSON'))).toMatch(/: Received error: "cut\. To do: /);
    expect(await ofPages(item(4, `Successfully executed action ${pages}`), item(3, failed))).toBe(
      'pages history: the topic was last told at 1970-01-01 00:00:04Z ',
    );
    expect(await ofPages(item(4, `Successfully executed action ${pages}-too`))).toMatch(
      /: no alarm has told/,
    );
  });
});

/** A subscription in SNS's answer. */
type Member = [protocol: string, endpoint: string, arn: string];

describe('topics', () => {
  const subscriptions = (members: Member[]): Answer => ({
    xml: `<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions>${members
      .map(
        ([protocol, endpoint, arn]) =>
          `<member><SubscriptionArn>${arn}</SubscriptionArn><Protocol>${protocol}</Protocol><Endpoint>${endpoint}</Endpoint></member>`,
      )
      .join('')}</Subscriptions></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>`,
  });
  const attributes: Answer = {
    xml: '<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes></Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>',
  };
  const confirmed = 'arn:aws:sns:us-east-1:000000000000:any:1';
  const queueOf = (id: string): Member => [
    'sqs',
    `arn:aws:sqs:us-east-1:000000000000:${output(`${id}QueueUrl`).split('/').at(-1)}`,
    confirmed,
  ];
  const queues = () => ['Billing', 'Inventory', 'Shipping', 'Unrouted'].map(queueOf);
  const topics = (orders: Member[], operations: Member[]): Script => ({
    'sns:ListSubscriptionsByTopic': ({ TopicArn }) =>
      subscriptions(TopicArn === output('OrdersTopicArn') ? orders : operations),
    'sns:GetTopicAttributes': () => attributes,
  });

  test('nobody is subscribed to are a finding, until somebody is', async () => {
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

  test('are not well while an address has not confirmed, with or without another one that has', async () => {
    const pending: Member = ['email', 'operations@example.com', 'PendingConfirmation'];
    const one = await scripted(topics(queues(), [pending]));
    const other = await scripted(topics(queues(), [['email', 'boss@example.com', confirmed], pending]));

    const line = (severity: string) =>
      `PROBLEM ${severity} topic: o…s@example.com is not confirmed and gets nothing. To do: its owner follows the link in the mail from AWS, which is valid for three days; subscribing the address again sends another`;
    expect(problems(one)).toEqual([line('pages'), line('notices')]);
    expect(problems(other)).toEqual([line('pages'), line('notices')]);
    expect(one.stdout).not.toContain('tells');
    expect(other.stdout).toContain('pages topic: tells b…s@example.com\n');
    expect([one.code, other.code]).toEqual([1, 1]);
  });

  test('of orders need the queue of each consumer, confirmed', async () => {
    const [protocol, inventory] = queueOf('Inventory');
    const ended = await scripted(
      topics(
        [queueOf('Billing'), [protocol, inventory, 'PendingConfirmation']],
        [['email', 'boss@example.com', confirmed]],
      ),
    );

    expect(problems(ended)).toEqual(
      [
        ['inventory', 'order'],
        ['shipping', 'order'],
        ['unrouted', 'message that nobody asks for'],
      ].map(
        ([name, what]) =>
          `PROBLEM orders topic: the queue of ${name} is not subscribed: no ${what} reaches it. To do: subscribe it again with \`npx cdk deploy Shop --revert-drift\``,
      ),
    );
  });

  test('that may not be looked at are not well, and the right that is lacking is named', async () => {
    const ended = await scripted({
      'sns:ListSubscriptionsByTopic': () =>
        queryError(
          'AuthorizationError',
          'User: arn:aws:iam::0:user/x is not authorized to perform: SNS:ListSubscriptionsByTopic on resource: arn:any',
          403,
        ),
      'sns:GetTopicAttributes': () => attributes,
    });

    expect(problems(ended)).toEqual(
      ['orders', 'pages', 'notices'].map(
        (name) =>
          `PROBLEM ${name} topic: could not be checked: Access denied: these credentials lack the IAM action SNS:ListSubscriptionsByTopic on arn:any. To do: check again with credentials that may do that`,
      ),
    );
    expect(ended.code).toBe(1);
  });
});

test('a consumer that is stopped is found, with the command that starts it', async () => {
  await command(['stop', 'billing', '--local']);

  const ended = await local();
  await command(['start', 'billing', '--local']);

  expect(problems(ended)).toEqual([
    'PROBLEM mappings: that of billing is Disabled: its messages wait in the queue. To do: `npm run orders -- start billing --local`, once nothing speaks against it',
  ]);
});

test('a queue without a redrive policy is found, and one whose policy names a queue that is not its own', async () => {
  const to = (id: string) => {
    const queue = output(`${id}DeadLetterQueueUrl`).split('/').at(-1);
    return {
      RedrivePolicy: `{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:${queue}", "maxReceiveCount": 3}`,
    };
  };
  const policies = new Map<string, object>([
    [output('BillingQueueUrl'), {}],
    [output('InventoryQueueUrl'), to('Shipping')],
    [output('ShippingQueueUrl'), to('Shipping')],
  ]);

  const ended = await scripted({
    'sqs:GetQueueAttributes': ({ QueueUrl }) => ({ json: { Attributes: policies.get(QueueUrl) } }),
  });

  expect(problems(ended)).toEqual(
    ['billing', 'inventory'].map(
      (name) =>
        `PROBLEM queues: that of ${name} has no redrive policy to its dead-letter queue: a message that crashes the function is tried until it is deleted. To do: set it again with \`npx cdk deploy Shop --revert-drift\``,
    ),
  );
  expect(ended.code).toBe(1);
});

describe('concurrency', () => {
  const names = ['Billing', 'Inventory', 'Shipping'] as const;
  /** Lambda with so much concurrency left, mappings of 10, and what is reserved for Billing. */
  const lambda = (
    left: number,
    reserved: object,
    mapping: object = { ScalingConfig: { MaximumConcurrency: 10 } },
  ): Script => ({
    'lambda:GET /2016-08-19/account-settings': () => ({
      json: { AccountLimit: { ConcurrentExecutions: 1000, UnreservedConcurrentExecutions: left } },
    }),
    ...Object.fromEntries(
      names.flatMap((name): [string, () => Answer][] => [
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

  test('is enough where the sum of the bounds is left, but for functions with a reservation', async () => {
    const enough = await scripted(lambda(30, {}));
    const reserved = await scripted(lambda(20, { ReservedConcurrentExecutions: 10 }));

    expect([enough.code, reserved.code]).toEqual([0, 0]);
    expect(reserved.stdout).toContain('20 needed at most; the account has 20 for all');
  });

  test('is too little where it is not, and a mapping without a bound wants all that Lambda gives it', async () => {
    const tooLittle = await scripted(lambda(29, {}));
    const unbound = await scripted(lambda(1_000, {}, {}));

    expect(problems(tooLittle)).toEqual([
      'PROBLEM concurrency: the consumers may take 30 at a time, but the account has 29 for all functions without a reservation, of 1,000. To do: have the quota "Concurrent executions" of Lambda raised in Service Quotas, or lower maxConcurrency in lib/config.ts',
    ]);
    expect(problems(unbound)[0]).toContain('the consumers may take 3,750 at a time');
    expect(tooLittle.code).toBe(1);
  });
});

test.each([
  ['Disabled', /`aws kms enable-key --key-id arn:\S+`, and check again$/],
  ['PendingDeletion', /`aws kms cancel-key-deletion --key-id arn:\S+`, and check again$/],
  ['Unavailable', /see to it that it is Enabled$/],
])('a key that is %s is found, once', async (KeyState, cure) => {
  const ended = await scripted({ 'kms:DescribeKey': () => ({ json: { KeyMetadata: { KeyState } } }) });

  expect(problems(ended)).toHaveLength(1);
  expect(problems(ended)[0]).toMatch(
    new RegExp(
      `^PROBLEM keys: arn:\\S+ is ${KeyState}: what it encrypts can neither be sent nor read\\. To do: `,
    ),
  );
  expect(problems(ended)[0]).toMatch(cure);
});

describe('drift', () => {
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
      'cloudformation:DescribeStackResourceDrifts': () =>
        wrapped('DescribeStackResourceDrifts', `<StackResourceDrifts>${drifts}</StackResourceDrifts>`),
    };
  }
  const drifted = `<member><LogicalResourceId>Queue</LogicalResourceId><ResourceType>AWS::SQS::Queue</ResourceType><StackResourceDriftStatus>MODIFIED</StackResourceDriftStatus><PropertyDifferences><member><PropertyPath>/VisibilityTimeout</PropertyPath></member></PropertyDifferences></member><member><LogicalResourceId>Alarm</LogicalResourceId><ResourceType>AWS::CloudWatch::Alarm</ResourceType><StackResourceDriftStatus>DELETED</StackResourceDriftStatus></member>`;
  const undo = 'To do: find out who did that and why; `npx cdk deploy Shop --revert-drift` takes it back';

  test('is waited for, and none is well', async () => {
    const { code, stdout } = await scripted(drift(['DETECTION_IN_PROGRESS', 'DETECTION_COMPLETE']), []);

    expect(stdout).toContain('ok       drift: none\n');
    expect(code).toBe(0);
  });

  test('has a line for each resource that is not as it was deployed; only those are asked for', async () => {
    const ended = await scripted(drift(['DETECTION_COMPLETE'], drifted), []);
    const asked = ended.calls.find(({ action }) => action.endsWith('DescribeStackResourceDrifts'))?.input;

    expect([1, 2, 3].map((n) => asked?.[`StackResourceDriftStatusFilters.member.${n}`])).toEqual([
      'MODIFIED',
      'DELETED',
      undefined,
    ]);
    expect(problems(ended)).toEqual([
      `PROBLEM drift: Queue (AWS::SQS::Queue) is not as in the template: /VisibilityTimeout. ${undo}`,
      `PROBLEM drift: Alarm (AWS::CloudWatch::Alarm) was deleted. ${undo}`,
    ]);
    expect(ended.code).toBe(1);
  });

  test('that could not be found out of all resources is not well, whatever is known of the others', async () => {
    const ended = await scripted(drift(['DETECTION_FAILED'], drifted), []);

    expect(problems(ended)).toHaveLength(3);
    expect(problems(ended)[0]).toBe(
      'PROBLEM drift: could not be checked for all resources: No right to read them. To do: check again, or leave it out with --no-drift',
    );
  });

  test('is waited for no longer after Ctrl-C', async () => {
    const { code, stdout, stderr } = await scripted(
      drift(['DETECTION_IN_PROGRESS']),
      [],
      async (running, aws) => {
        while (!aws.calls.some(({ action }) => action.endsWith('DetectionStatus'))) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        running.interrupt();
      },
    );

    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toMatch(/Stopped checking\n$/);
  });
});
