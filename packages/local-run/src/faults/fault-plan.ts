// The faults that can be injected into a local run.

/** Everything that can be injected. */
export const FAULT_KINDS = [
  /** A message is in the queue twice. */
  'duplicate-delivery',
  /** A publish is refused, or done and its answer lost. */
  'sns-error',
  /** A call for a message is refused, or done and its answer lost: receive, send, change of visibility. */
  'sqs-error',
  /** A message is not deleted, whether SQS says so or not. */
  'delete-failed',
  'dynamodb-throttled',
  /** Another transaction is at the same item. */
  'dynamodb-conflict',
  /** A 500, before anything is done or after all of it. */
  'dynamodb-error',
  /** S3 asks for fewer requests before it writes an object, or its answer is lost after. */
  's3-error',
  /** An answer that comes later than the function's timeout. */
  'slow-call',
  /** The handler throws, before or after its work. */
  'handler-exception',
  /** The function hangs in the middle of a batch, until its timeout. */
  'function-timeout',
  /** The function's process ends in the middle of a batch, before a request leaves it, */
  'killed-before-write',
  /** and after the answer to one. */
  'killed-after-write',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** How often a fault happens. */
interface FaultShare {
  readonly share: number;
  readonly most?: number;
  readonly within?: number;
}

/** Which faults happen, and how often. */
export interface FaultPlan {
  /** A whole number from 0 to 2^32 − 1. */
  readonly seed: number;
  /**
   * Share of the chances at which a fault begins, and the most chances in a row that it then takes: an outage, not a
   * single failure. Each fault also begins at one of its first chances, five of them unless `within` says how many.
   */
  readonly faults: Readonly<Partial<Record<FaultKind, FaultShare>>>;
  /** Milliseconds by which a slow call is late. */
  readonly slowMs: number;
  /** Texts: the process of an invocation whose event holds one of them is always killed. */
  readonly killOn: readonly string[];
  /** Texts: DynamoDB and S3 refuse each write that holds one of them, S3 in the key, and do nothing. */
  readonly failOn: readonly string[];
  /** Texts: the same for the first `times` such writes to each table or bucket. */
  readonly failFirst?: { readonly texts: readonly string[]; readonly times: number };
  /** File to which the kind of each fault is added, a line each, as it is injected: so it survives a process that is killed. */
  readonly logFile: string;
}

/** What is done to one invocation. `count` is the request or answer of it at which it happens, from 1. */
export type InvocationFault =
  | { readonly kind: 'handler-exception'; readonly when: 'before' | 'after' }
  | {
      readonly kind: 'killed-before-write' | 'killed-after-write' | 'function-timeout';
      readonly count: number;
    };

/** What is done to one request: before the service does it, or after, when only the answer is lost. */
export interface RequestFault {
  readonly kind: FaultKind;
  readonly when: 'before' | 'after';
}
