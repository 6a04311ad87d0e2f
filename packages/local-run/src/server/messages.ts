// What the main thread and the emulators' thread say to each other.

import type { AlarmType } from '../cloudwatch/alarm.ts';
import type { LateMetrics } from '../cloudwatch/late-metrics.ts';
import type { Dimensions } from '../cloudwatch/metrics.ts';
import type { FaultPlan } from '../faults/fault-plan.ts';
import type { ServiceCaller, StackPolicies } from '../iam/access-control.ts';
import type { Permission } from '../iam/required-permissions.ts';
import type { Json } from '../json.ts';
import type { MappingConfiguration } from '../lambda/lambda-api.ts';
import type { Qualifier } from '../lambda/local-function.ts';
import type { Answer } from '../pending-answers.ts';
import type { StackDescription } from './cloudformation.ts';

/** What the emulators' thread is started with. */
export interface EmulatorOptions {
  /** 0 takes a free one. */
  port: number;
  /** Folder in which queues, topics, buckets and tables survive; in memory without it. */
  stateDirectory?: string;
  /** How much faster than on AWS visibility timeouts and delays pass. @default 1 */
  timeScale?: number;
  /** The faults that are injected. @default none */
  faults?: FaultPlan;
  /** How late and incomplete the metrics of queues are. @default - they are neither */
  lateMetrics?: LateMetrics;
}

/** A value of a metric that Lambda keeps of a function. */
export interface FunctionValue {
  functionName: string;
  metric: string;
  value: number;
  /** Of the version or alias that was invoked; absent for the function itself. */
  qualifier?: Qualifier | undefined;
}

/** What functions reported since the last message. It has no answer. */
export interface FunctionReport {
  ask: 'report';
  /** Log lines in the embedded metric format. */
  lines: string[];
  values: FunctionValue[];
}

/** What the main thread asks. */
export type EmulatorRequest =
  | { id: number; ask: 'describe'; stacks: StackDescription[] }
  | { id: number; ask: 'permit'; policies: StackPolicies }
  | { id: number; ask: 'denial'; caller: string | ServiceCaller; permissions: Permission[] }
  | { id: number; ask: 'accesses' }
  | { id: number; ask: 'sample' }
  | { id: number; ask: 'messages'; queueName: string }
  | { id: number; ask: 'end-visibility-timeouts' }
  | { id: number; ask: 'pass-time'; seconds: number }
  | { id: number; ask: 'add-alarm'; type: AlarmType; name: string; properties: Record<string, Json> }
  | { id: number; ask: 'alarms' }
  | { id: number; ask: 'end-minute' }
  | { id: number; ask: 'skip-minutes'; count: number }
  | { id: number; ask: 'follow-real-time' }
  | { id: number; ask: 'metric-sum'; namespace: string; name: string; dimensions: Dimensions }
  | { id: number; ask: 'add-mapping'; configuration: MappingConfiguration; isEnabled: boolean }
  | { id: number; ask: 'mapping-switched'; uuid: string }
  | { id: number; ask: 'stop' };

/** What the emulators' thread says. */
export type EmulatorMessage =
  | { event: 'listening'; port: number }
  | { event: 'failed'; code: string; message: string }
  /** A connection that would have left this machine. */
  | { event: 'refused'; host: string }
  /** A call was denied for a lacking permission, with AWS's sentence. */
  | { event: 'denied'; sentence: string }
  | { event: 'problem'; problem: string }
  /** Somebody turns an event source mapping on or off; `mapping-switched` says when that is done. */
  | { event: 'switch-mapping'; uuid: string; isEnabled: boolean }
  | ({ event: 'answer' } & Answer);
