// The emulators' thread: one HTTP endpoint on 127.0.0.1 that answers for SNS, SQS, S3, DynamoDB, CloudWatch, Lambda,
// CloudFormation and KMS.
import '../loopback-only.ts';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type { Notification } from '../cloudwatch/alarm-notification.ts';
import { CloudWatch } from '../cloudwatch/cloudwatch.ts';
import { answerCloudWatch } from '../cloudwatch/cloudwatch-api.ts';
import { LocalDynamoDb } from '../dynamodb/dynamodb.ts';
import { Faults } from '../faults/faults.ts';
import { ServiceFaults } from '../faults/service-faults.ts';
import { Fauxqs } from '../fauxqs/fauxqs.ts';
import { MessageMoveTasks } from '../fauxqs/message-move-tasks.ts';
import { MessagingMetrics } from '../fauxqs/messaging-metrics.ts';
import type { FauxqsRequest } from '../fauxqs/request.ts';
import { deliverAsSns } from '../fauxqs/sns-delivery.ts';
import { endVisibilityTimeouts, messagesIn, passTime } from '../fauxqs/waiting.ts';
import { AccessControl, type StackPolicies } from '../iam/access-control.ts';
import { LambdaApi, lambdaOperation } from '../lambda/lambda-api.ts';
import { onRefused } from '../loopback-only.ts';
import { answerAsS3 } from '../s3/s3.ts';
import { answerCloudFormation, type StackDescription } from './cloudformation.ts';
import { createFront, denialOf, type Service } from './http-front.ts';
import { answerKms } from './kms.ts';
import type {
  EmulatorMessage,
  EmulatorOptions,
  EmulatorRequest,
  FunctionReport,
  FunctionValue,
} from './messages.ts';

const port = parentPort;
if (!port) throw new Error('emulators-worker.ts runs as a worker thread');
const say = (message: EmulatorMessage) => port.postMessage(message);
onRefused((host) => say({ event: 'refused', host }));
const options = workerData as EmulatorOptions;

const fauxqs = await Fauxqs.start({
  directory: options.stateDirectory && path.join(options.stateDirectory, 'sqs'),
  timeScale: options.timeScale,
});
const lambda = new LambdaApi((uuid, isEnabled) => say({ event: 'switch-mapping', uuid, isEnabled }));
let buckets: StackPolicies['buckets'] = {};
const access = new AccessControl(
  (arn) => {
    // The ARN of an object begins with that of its bucket.
    const bucket = buckets[arn.split('/', 1)[0] ?? ''];
    if (bucket) return bucket;
    const { attributes } = fauxqs.queue(arn) ?? fauxqs.topic(arn) ?? {};
    const { Policy: policy, KmsMasterKeyId: key } = attributes ?? {};
    return { policy, key, functionArn: lambda.functionOf(arn) };
  },
  (sentence) => say({ event: 'denied', sentence }),
);
const messaging = new MessagingMetrics(fauxqs);
deliverAsSns(
  fauxqs,
  (caller, permissions) => access.authorize(caller, permissions),
  (topicArn, outcome) => messaging.onDelivery(topicArn, outcome),
);
// In this order: permissions are checked first, and faults are injected also into the actions that fauxqs lacks.
const denial = ({ raw, operation, input }: FauxqsRequest) =>
  denialOf({ request: raw, operation, input }, access);
fauxqs.intercept(denial);
const serviceFaults = new ServiceFaults(options.faults && new Faults(options.faults, 'services'), fauxqs);
answerAsS3(fauxqs, denial);
const moveTasks = new MessageMoveTasks(fauxqs);
const dynamodb = new LocalDynamoDb(options.stateDirectory && path.join(options.stateDirectory, 'dynamodb'));
const cloudWatch = new CloudWatch({
  sample: () => messaging.sample(),
  publish: publishNotification,
  onProblem: (problem) => say({ event: 'problem', problem }),
  lateMetrics: options.lateMetrics,
});
let stacks: StackDescription[] = [];
let keys: string[] = [];

const services = new Map<string, Service>([
  [
    'dynamodb',
    {
      protocol: 'json',
      answer: (operation, input) =>
        serviceFaults.dynamodb(operation, input, () => dynamodb.call(operation, input)),
    },
  ],
  [
    'monitoring',
    { protocol: 'json', answer: (operation, input) => answerCloudWatch(operation, input, cloudWatch) },
  ],
  [
    'lambda',
    {
      protocol: 'rest-json',
      operation: lambdaOperation,
      answer: (operation, input) => lambda.answer(operation, input),
    },
  ],
  [
    'cloudformation',
    { protocol: 'query', answer: (operation, input) => answerCloudFormation(operation, input, stacks) },
  ],
  ['kms', { protocol: 'json', answer: (operation, input) => answerKms(operation, input, keys) }],
]);
const server = createFront(services, access, (request, response) => fauxqs.handle(request, response));
server.on('error', (error: NodeJS.ErrnoException) =>
  say({ event: 'failed', code: error.code ?? '', message: error.message }),
);
server.listen(options.port, '127.0.0.1', () => {
  const { port: listening } = server.address() as AddressInfo;
  fauxqs.moveTo(`127.0.0.1:${listening}`);
  say({ event: 'listening', port: listening });
});

function publishNotification({ alarm, topicArn, subject, message }: Notification): string | undefined {
  const caller = { service: 'cloudwatch.amazonaws.com', source: alarm.arn };
  const denial = access.denial(caller, [{ action: 'sns:Publish', resource: topicArn }]);
  if (denial) return denial.message;
  fauxqs.publish(topicArn, subject, message);
  return undefined;
}

async function stop(): Promise<void> {
  cloudWatch.stop();
  moveTasks.stop();
  fauxqs.endPolls();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await fauxqs.close();
  await dynamodb.close();
}

/** Counts what functions reported. */
function report({ lines, values }: FunctionReport): void {
  const { metrics } = cloudWatch;
  for (const line of lines) metrics.ingest(line);
  for (const { metric, value, ...invoked } of values) {
    for (const dimensions of dimensionsOf(invoked)) metrics.add('AWS/Lambda', metric, dimensions, value);
  }
}

/**
 * Lambda counts an invocation by function, and where it was by a version or alias also by that; an alias by version as well.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
 */
function dimensionsOf({ functionName, qualifier }: Pick<FunctionValue, 'functionName' | 'qualifier'>) {
  const byFunction = { FunctionName: functionName };
  if (!qualifier) return [byFunction];
  const byResource = { ...byFunction, Resource: `${functionName}:${qualifier.name}` };
  const isAlias = qualifier.name !== qualifier.version;
  return [
    byFunction,
    byResource,
    ...(isAlias ? [{ ...byResource, ExecutedVersion: qualifier.version }] : []),
  ];
}

type Answers = {
  [A in EmulatorRequest['ask']]: (request: Extract<EmulatorRequest, { ask: A }>) => unknown;
};
const answers: Answers = {
  describe: (request) => {
    stacks = request.stacks;
  },
  permit({ policies }) {
    access.permit(policies);
    keys = Object.keys(policies.keyPolicies);
    buckets = policies.buckets;
  },
  denial: ({ caller, permissions }) => access.denial(caller, permissions)?.message,
  accesses: () => access.accesses(),
  sample: () => messaging.sample(),
  messages({ queueName }) {
    const queue = fauxqs.queueNamed(queueName);
    return queue ? messagesIn(queue) : [];
  },
  'end-visibility-timeouts': () => endVisibilityTimeouts(fauxqs.allQueues()),
  'pass-time': ({ seconds }) => passTime(fauxqs.allQueues(), seconds),
  'add-alarm': ({ type, name, properties }) => cloudWatch.alarms.add(type, name, properties),
  alarms: () => cloudWatch.alarms.list(),
  'end-minute': () => cloudWatch.endMinute(),
  'skip-minutes': ({ count }) => cloudWatch.skipMinutes(count),
  'follow-real-time': () => cloudWatch.followRealTime(),
  'metric-sum': ({ namespace, name, dimensions }) => cloudWatch.metrics.sum(namespace, name, dimensions),
  'add-mapping': ({ configuration, isEnabled }) => lambda.add(configuration, isEnabled),
  'mapping-switched': ({ uuid }) => lambda.switched(uuid),
  stop,
};

port.on('message', async (request: EmulatorRequest | FunctionReport) => {
  if (request.ask === 'report') return report(request);
  const { id } = request;
  try {
    const answer = answers[request.ask] as (request: EmulatorRequest) => unknown;
    say({ event: 'answer', id, value: await answer(request) });
  } catch (error) {
    say({ event: 'answer', id, error: (error as Error).message });
  }
  if (request.ask === 'stop') port.close();
});
