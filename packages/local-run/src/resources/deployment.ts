import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SNSClient } from '@aws-sdk/client-sns';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Faults } from '../faults/faults.ts';
import type { StackPolicies } from '../iam/access-control.ts';
import type { EventSourceMapping } from '../lambda/event-source-mapping.ts';
import type { FunctionEvents } from '../lambda/execution-environment.ts';
import type { LocalFunction } from '../lambda/local-function.ts';
import type { Json } from '../protocol/json.ts';
import type { Emulators } from '../server/emulators.ts';
import type { CreatedResource } from '../template/intrinsic-functions.ts';

/** What the resources of one stack share while they are created. */
export interface Deployment {
  /** The stack's. */
  name: string;
  /** Asset hash → folder or file. */
  assets: ReadonlyMap<string, string>;
  endpoint: string;
  events: FunctionEvents;
  /** How much faster than on AWS the waiting goes. */
  timeScale: number;
  faults: Faults | undefined;
  sns: SNSClient;
  sqs: SQSClient;
  dynamodb: DynamoDBClient;
  s3: S3Client;
  emulators: Pick<Emulators, 'api' | 'addMapping'>;
  /** By physical name. */
  functions: Map<string, LocalFunction>;
  /** `<function>:<version or alias>` → number of the version. */
  versions: Map<string, string>;
  /** By logical ID. */
  mappings: Map<string, EventSourceMapping>;
  /** By ARN. */
  roles: Map<string, Role>;
  /** ARN → policy document. */
  managedPolicies: Map<string, object>;
  keyPolicies: StackPolicies['keyPolicies'];
  buckets: StackPolicies['buckets'];
  /** Functions with the ARNs of their roles. */
  callers: { functionName: string; roleArn: string }[];
  /** To be closed at the end. */
  clients: { destroy(): void }[];
  /** By ARN. */
  queueUrls: Map<string, string>;
  /** Called with each problem outside the functions. */
  onProblem(problem: string): void;
}

/** What a role may do: policy documents of its own, and ARNs of managed ones. */
export interface Role {
  name: string;
  policies: object[];
  managedPolicyArns: string[];
}

/** Of a resource, with the results of intrinsic functions in place of them. */
export type Properties = Record<string, Json>;

/** Creates a resource from its resolved properties, in the template's own terms. */
export type Create = (
  logicalId: string,
  properties: Properties,
  deployment: Deployment,
) => Promise<CreatedResource | NotRun>;

/** In place of a resource that cannot be had on this machine: why. */
interface NotRun {
  notRun: string;
}

/** CloudFormation makes a physical name of the stack's name and the logical ID; here it is the same at every run. */
export const physicalName = (logicalId: string, given: string | undefined, deployment: Deployment): string =>
  given ?? `${deployment.name}-${logicalId}`;

/** The name of a queue or topic, which ends in `.fifo` if it is FIFO. */
export const fifoName = (name: string, isFifo: boolean | undefined): string =>
  isFifo && !name.endsWith('.fifo') ? `${name}.fifo` : name;

/** Values as the attributes of queues and topics are written, without those that are undefined. */
export const asStrings = (values: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === 'object' ? JSON.stringify(value) : String(value)]),
  );

/** @throws Error where the emulators would take a property in and do nothing about it */
export function refuseUnknown(logicalId: string, properties: Properties, name: string): void {
  if (properties[name] === undefined) return;
  throw new Error(`${logicalId}: the local run does not know ${name}`);
}
