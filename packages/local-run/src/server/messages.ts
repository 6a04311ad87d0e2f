// What the main thread and the emulators' thread say to each other.

import type { LateMetrics } from '../cloudwatch/late-metrics.ts';
import type { FaultPlan } from '../faults/fault-plan.ts';
import type { FunctionMetrics, Qualifier } from '../lambda/execution-environment.ts';
import type { Answer } from '../threads/remote-calls.ts';

/** What the emulators' thread is started with. */
export interface EmulatorOptions {
  /** Port on 127.0.0.1; 0 takes a free one. */
  port: number;
  /** Folder in which queues, topics, buckets and tables survive; without it they are kept in memory. */
  stateDirectory?: string | undefined;
  /** How much faster than on AWS visibility timeouts and delays pass. @default 1 */
  timeScale?: number | undefined;
  /** The faults that are injected. @default none */
  faults?: FaultPlan | undefined;
  /** How late and incomplete the metrics of queues are. @default - they are neither */
  lateMetrics?: LateMetrics | undefined;
}

/** What Lambda measured in one invocation; durations are in milliseconds. */
export interface Measurement {
  functionName: string;
  values: FunctionMetrics;
  /** Of the version or alias that was invoked; absent for the function itself. */
  qualifier: Qualifier | undefined;
}

/** What a function reports to CloudWatch: a log line in the embedded metric format, or what was measured. It has no answer. */
export type FunctionReport = { line: string } | Measurement;

/** What the emulators' thread says. */
export type EmulatorMessage =
  | { event: 'listening'; port: number }
  | { event: 'failed'; code: string; message: string }
  /** A line: a refused connection, a call that was denied, with AWS's sentence and once for each lacking permission, and others. */
  | { event: 'problem'; problem: string }
  /** Somebody turns an event source mapping on or off; `mappingSwitched` tells when that is done. */
  | { event: 'switch-mapping'; uuid: string; isEnabled: boolean }
  | ({ event: 'answer' } & Answer);
