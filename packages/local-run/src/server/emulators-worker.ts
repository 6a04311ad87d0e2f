// The emulators' thread: one HTTP endpoint on 127.0.0.1 that answers for SNS, SQS, S3, DynamoDB, CloudWatch, Lambda,
// CloudFormation and KMS.
import '../threads/loopback-only.ts';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type { AlarmType } from '../cloudwatch/alarm.ts';
import type { Notification } from '../cloudwatch/alarm-notification.ts';
import { CloudWatch } from '../cloudwatch/cloudwatch.ts';
import { answerCloudWatch } from '../cloudwatch/cloudwatch-api.ts';
import type { Dimensions } from '../cloudwatch/metrics.ts';
import { LocalDynamoDb } from '../dynamodb/dynamodb.ts';
import { Faults } from '../faults/faults.ts';
import { injectFaults, withDynamoDbFault } from '../faults/service-faults.ts';
import { Fauxqs } from '../fauxqs/fauxqs.ts';
import { MessageMoveTasks } from '../fauxqs/message-move-tasks.ts';
import { MessagingMetrics } from '../fauxqs/messaging-metrics.ts';
import type { FauxqsRequest } from '../fauxqs/request.ts';
import { answerAsS3 } from '../fauxqs/s3-answers.ts';
import { deliverAsSns } from '../fauxqs/sns-delivery.ts';
import { endVisibilityTimeouts, messagesIn, passTime } from '../fauxqs/waiting.ts';
import { AccessControl, type ServiceCaller, type StackPolicies } from '../iam/access-control.ts';
import type { Permission } from '../iam/required-permissions.ts';
import { LambdaApi, lambdaOperation, type MappingConfiguration } from '../lambda/lambda-api.ts';
import type { Json } from '../protocol/json.ts';
import { leftMachine, onRefused } from '../threads/loopback-only.ts';
import { answerTo, type Call } from '../threads/remote-calls.ts';
import { answerCloudFormation, type StackDescription } from './cloudformation.ts';
import { createFront, denialOf, type Service } from './http-front.ts';
import { describeKey } from './kms.ts';
import type { EmulatorMessage, EmulatorOptions, FunctionReport, Measurement } from './messages.ts';

const port = parentPort;
if (!port) throw new Error('emulators-worker.ts runs as a worker thread');
const say = (message: EmulatorMessage) => port.postMessage(message);
const sayProblem = (problem: string) => say({ event: 'problem', problem });
onRefused((host) => sayProblem(leftMachine('an emulator', host)));
const options = workerData as EmulatorOptions;

const fauxqs = await Fauxqs.start({
  directory: options.stateDirectory && path.join(options.stateDirectory, 'sqs'),
  timeScale: options.timeScale,
});
const lambda = new LambdaApi((uuid, isEnabled) => say({ event: 'switch-mapping', uuid, isEnabled }));
let buckets: StackPolicies['buckets'] = {};
const access = new AccessControl((arn) => {
  // The ARN of an object begins with that of its bucket.
  const bucket = buckets[arn.split('/', 1)[0] ?? ''];
  if (bucket) return bucket;
  const { attributes } = fauxqs.queue(arn) ?? fauxqs.topic(arn) ?? {};
  return { policy: attributes?.Policy, key: attributes?.KmsMasterKeyId };
}, sayProblem);
const messaging = new MessagingMetrics(fauxqs);
deliverAsSns(
  fauxqs,
  (caller, permissions) => access.denial(caller, permissions) === undefined,
  (topicArn, outcome) => messaging.onDelivery(topicArn, outcome),
);
// This sequence matters: permissions are checked first, and faults are injected also into the actions that fauxqs lacks.
const denial = ({ raw, operation, input }: FauxqsRequest) =>
  denialOf({ request: raw, operation, input }, access);
fauxqs.intercept(denial);
const faults = options.faults && new Faults(options.faults, 'services');
if (faults) injectFaults(faults, fauxqs);
answerAsS3(fauxqs, denial);
const moveTasks = new MessageMoveTasks(fauxqs);
const dynamodb = new LocalDynamoDb(options.stateDirectory && path.join(options.stateDirectory, 'dynamodb'));
const cloudWatch = new CloudWatch({
  sample: () => messaging.sample(),
  publish: publishNotification,
  onProblem: sayProblem,
  lateMetrics: options.lateMetrics,
});
let stacks: StackDescription[] = [];
let keys: string[] = [];

const services = new Map(
  Object.entries<Service>({
    dynamodb: {
      protocol: 'json',
      answer: (operation, input) =>
        withDynamoDbFault(faults, operation, input, () => dynamodb.call(operation, input)),
    },
    monitoring: {
      protocol: 'json',
      answer: (operation, input) => answerCloudWatch(operation, input, cloudWatch),
    },
    lambda: {
      protocol: 'rest-json',
      operation: lambdaOperation,
      answer: (operation, input) => lambda.answer(operation, input),
    },
    cloudformation: {
      protocol: 'query',
      answer: (operation, input) => answerCloudFormation(operation, input, stacks),
    },
    kms: { protocol: 'json', answer: (_, input) => describeKey(input, keys) },
  }),
);
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
  const denial = access.denial(caller, [{ action: 'sns:Publish', resource: topicArn }], true);
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

/** Counts what a function reported. */
function count(report: FunctionReport): void {
  const { metrics } = cloudWatch;
  if ('line' in report) {
    metrics.ingest(report.line);
    return;
  }
  for (const dimensions of dimensionsOf(report)) {
    for (const [metric, value] of Object.entries(report.values)) {
      metrics.add('AWS/Lambda', metric, dimensions, value);
    }
  }
}

/**
 * Lambda counts an invocation by function, and where it was by a version or alias also by that; an alias by version as well.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
 */
function dimensionsOf({ functionName, qualifier }: Measurement) {
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

/** What the main thread may ask. */
const api = {
  /** Makes stacks known to DescribeStacks. */
  describe(described: StackDescription[]): void {
    stacks = described;
  },
  /** Gives the functions of a stack their permissions. Until then only the operator may call anything. */
  permit(policies: StackPolicies): void {
    access.permit(policies);
    keys = Object.keys(policies.keyPolicies);
    buckets = policies.buckets;
  },
  /**
   * Why a call would be denied, in AWS's sentence; undefined where it is allowed.
   * @param caller an access key, or a service and the resource it acts for
   */
  denial: (caller: string | ServiceCaller, permissions: Permission[]) =>
    access.denial(caller, permissions, true)?.message,
  /** Every permission that was asked for since `permit`, once. */
  accesses: () => access.accesses(),
  /** What every queue holds now, and what queues and topics have done since the start. */
  sample: () => messaging.sample(),
  /** The messages that lie in a queue, visible, delayed or in flight; none of them is touched. */
  messagesIn(queueName: string) {
    const queue = fauxqs.queueNamed(queueName);
    return queue ? messagesIn(queue) : [];
  },
  /** Makes every message in flight visible, as if its visibility timeout had passed. @returns how many there were */
  endVisibilityTimeouts: () => endVisibilityTimeouts(fauxqs.allQueues()),
  /** Lets time pass for the messages in flight: those whose visibility timeout ends within so many seconds become visible. */
  passTime: (seconds: number) => passTime(fauxqs.allQueues(), seconds),
  /** Makes an event source mapping known to Lambda's API. */
  addMapping: (configuration: MappingConfiguration) => lambda.add(configuration),
  /** Tells Lambda's API that a mapping has been turned on or off. */
  mappingSwitched: (uuid: string) => lambda.switched(uuid),
  /**
   * @param properties of AWS::CloudWatch::Alarm or AWS::CloudWatch::CompositeAlarm, resolved
   * @returns its ARN
   * @throws Error naming what the local run does not know
   */
  addAlarm: (type: AlarmType, name: string, properties: Record<string, Json>) =>
    cloudWatch.alarms.add(type, name, properties),
  alarms: () => cloudWatch.alarms.list(),
  /** State of each alarm, by name. */
  alarmStates: () => cloudWatch.alarms.states(),
  /** Ends the current minute: takes its datapoints, evaluates the alarms and publishes their notifications. */
  endMinute: () => cloudWatch.endMinute(),
  /** Sets the clock forward by so many minutes in which nothing is measured and nothing evaluated. */
  skipMinutes: (count: number) => cloudWatch.skipMinutes(count),
  /** From here on minutes also end by the machine's own clock. */
  followRealTime: () => cloudWatch.followRealTime(),
  /** The sum of a metric's values since the start, 0 where there are none. */
  metricSum: (namespace: string, name: string, dimensions: Dimensions) =>
    cloudWatch.metrics.sum(namespace, name, dimensions),
  stop,
};
export type EmulatorsApi = typeof api;

port.on('message', async (message: Call | FunctionReport) => {
  if (!('method' in message)) return count(message);
  say({ event: 'answer', ...(await answerTo(api, message)) });
  if (message.method === 'stop') port.close();
});
