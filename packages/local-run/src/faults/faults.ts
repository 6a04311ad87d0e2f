// Decides which faults are injected, by a plan and a seed: into which request, which message, which invocation, and how.
import fs from 'node:fs';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { mersenne } from 'pure-rand/generator/mersenne';
import type { FaultKind, FaultPlan, InvocationFault, RequestFault } from './fault-plan.ts';

/** A fault begins at one of this many first chances. */
const FIRST_CHANCES = 5;
/** The most requests of an invocation that go by before it is hit. */
const MOST_REQUESTS = 5;

const QUEUE_CALLS = ['ReceiveMessage', 'SendMessage', 'ChangeMessageVisibility'];
const WRITES = ['PutItem', 'UpdateItem', 'DeleteItem', 'TransactWriteItems', 'PutObject'];

/** Chooses the faults of a plan. The same plan and place give the same sequence of choices. */
export class Faults {
  private readonly plan: FaultPlan;
  private readonly random: () => number;
  /** Text, and table or bucket → how many requests with them were refused at first. */
  private readonly failed = new Map<string, number>();
  private readonly kinds = new Map<FaultKind, { chances: number; first: number; left: number }>();

  /** @param place parts the choices of one thread from those of others */
  constructor(plan: FaultPlan, place: string) {
    this.plan = plan;
    this.random = randomOf(plan.seed, place);
  }

  get slowMs(): number {
    return this.plan.slowMs;
  }

  /** Whether a message that comes into a queue comes twice. */
  duplicates(): boolean {
    return this.injects('duplicate-delivery');
  }

  /** The fault of a request to SNS, SQS, S3 or DynamoDB; `input` is its input as JSON. */
  request(operation: string, input: string): RequestFault | undefined {
    if (operation === 'PublishBatch' || operation === 'Publish') return this.beforeOrAfter('sns-error');
    if (operation.startsWith('DeleteMessage')) {
      return this.injects('delete-failed') ? { kind: 'delete-failed', when: 'before' } : undefined;
    }
    if (QUEUE_CALLS.includes(operation)) return this.beforeOrAfter('sqs-error');
    if (!WRITES.includes(operation)) return undefined;
    const kind = operation === 'PutObject' ? 's3-error' : 'dynamodb-error';
    if (this.plan.failOn.some((text) => input.includes(text)) || this.failsAtFirst(input)) {
      this.record(kind);
      return { kind, when: 'before' };
    }
    if (kind === 's3-error') return this.beforeOrAfter(kind);
    for (const kind of ['dynamodb-throttled', 'dynamodb-conflict'] as const) {
      if (this.injects(kind)) return { kind, when: 'before' };
    }
    return this.beforeOrAfter('dynamodb-error') ?? this.beforeOrAfter('slow-call');
  }

  private failsAtFirst(input: string): boolean {
    const { texts, times } = this.plan.failFirst ?? { texts: [], times: 0 };
    const text = texts.find((each) => input.includes(each));
    if (text === undefined) return false;
    const request = `${text} ${/"(TableName|Bucket)":"[^"]*"/.exec(input)?.[0]}`;
    const failed = this.failed.get(request) ?? 0;
    this.failed.set(request, failed + 1);
    return failed < times;
  }

  /** The fault of an invocation with this event. It is to be recorded once it was injected. */
  invocation(event: unknown): InvocationFault | undefined {
    if (this.plan.killOn.length > 0) {
      const text = JSON.stringify(event);
      if (this.plan.killOn.some((each) => text.includes(each))) {
        const kind = this.random() < 0.5 ? 'killed-before-write' : 'killed-after-write';
        return { kind, count: this.upTo(MOST_REQUESTS) };
      }
    }
    if (this.begins('handler-exception')) {
      return { kind: 'handler-exception', when: this.random() < 0.5 ? 'before' : 'after' };
    }
    for (const kind of ['function-timeout', 'killed-before-write', 'killed-after-write'] as const) {
      if (this.begins(kind)) return { kind, count: this.upTo(MOST_REQUESTS) };
    }
    return undefined;
  }

  /** Notes that a fault was injected. Of an invocation whoever injects it does that, of a request it is done already. */
  record(kind: FaultKind): void {
    fs.appendFileSync(this.plan.logFile, `${kind}\n`);
  }

  private beforeOrAfter(kind: FaultKind): RequestFault | undefined {
    return this.injects(kind) ? { kind, when: this.random() < 0.5 ? 'before' : 'after' } : undefined;
  }

  private injects(kind: FaultKind): boolean {
    const begins = this.begins(kind);
    if (begins) this.record(kind);
    return begins;
  }

  private begins(kind: FaultKind): boolean {
    const chosen = this.plan.faults[kind];
    if (!chosen) return false;
    let state = this.kinds.get(kind);
    if (!state) {
      state = { chances: 0, first: this.upTo(chosen.within ?? FIRST_CHANCES), left: 0 };
      this.kinds.set(kind, state);
    }
    state.chances += 1;
    if (state.left > 0) {
      state.left -= 1;
      return true;
    }
    if (state.chances !== state.first && this.random() >= chosen.share) return false;
    // Mostly short, now and then long.
    state.left = Math.floor(this.random() ** 3 * (chosen.most ?? 1));
    return true;
  }

  private upTo(most: number): number {
    return 1 + Math.floor(this.random() * most);
  }
}

/** Numbers from 0 to under 1, of which each place has its own. */
function randomOf(seed: number, place: string): () => number {
  let ownSeed = seed;
  for (const char of place) ownSeed = Math.imul(ownSeed ^ char.charCodeAt(0), 0x01000193);
  const generator = mersenne(ownSeed);
  return () => uniformFloat64(generator);
}
