// `npm run chaos`: test events through a local stack under faults, and the proof that nothing was lost or done twice.
import fs from 'node:fs';
import path from 'node:path';
import type { FaultPlan } from '@order-fan-out/local-run/faults/fault-plan';
import { KillableRun } from '@order-fan-out/local-run/faults/killable-run';
import { readAssembly } from '@order-fan-out/local-run/template/assembly';
import { type Clients, createClients, destroyClients, localOptions } from '../../cli/aws/clients.ts';
import { findStack, type StackHandles } from '../../cli/aws/stack.ts';
import { readSubscriptions } from '../../cli/outcomes/subscriptions.ts';
import { generateEvents, POISON_KINDS, type TestMessage } from '../../cli/publishing/test-events.ts';
import { moveAll } from '../../cli/redrive/move-task.ts';
import type { Progress } from '../../cli/terminal/progress.ts';
import { plural } from '../../cli/terminal/text.ts';
import { fillTables } from '../fill-tables.ts';
import { publishAll } from '../publish-all.ts';
import { readArchived } from '../reconciliation/archive.ts';
import { inversionsByConsumer, isOrdered, orderedConsumers } from '../reconciliation/inversions.ts';
import { readLedger, readLetters, recordStore } from '../reconciliation/snapshot.ts';
import { takenByAll } from '../taken-by-all.ts';
import { type WaitOptions, waitUntilEmpty } from '../wait-until-empty.ts';
import { type ChaosFaults, chaosFaults } from './faults.ts';
import { freePort } from './free-port.ts';
import { type ChaosFindings, type ChaosResult, type ChaosSnapshot, chaosResult } from './report.ts';

export interface ChaosOptions {
  /** Folder of the cloud assembly. */
  readonly assembly: string;
  /** Folder for state and logs. */
  readonly workspace: string;
  /** How many events are published that create a record. */
  readonly count: number;
  /** Which share of them is changed. */
  readonly changes: number;
  /** A whole number from 0 to 2^32 − 1. */
  readonly seed: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Context of the synth: what always fails is then tried five times; outlasting six hours takes 54 tries. */
export const CONTEXT = { outlastMinutes: '2' };
/** Time is scaled so that the longest visibility timeout lasts so long. Functions then have half of it. */
const VISIBILITY_MS = 2_000;
/** Longer than a function has. */
const SLOW_MS = 0.6 * VISIBILITY_MS;
const DUPLICATE_SHARE = 0.05;
const POISON_SHARE = 0.02;
/** One in so many events is published once more at the end. */
const LATE_COPY = 10;
/** On average: with fewer, little could come out of sequence. */
const EVENTS_PER_GROUP = 10;
/** Longer than any message waits, with or without faults. */
const STALL_MS = 60_000;
/** Tries of a publish: a killed stack is down for a second or two. */
const PUBLISH_ATTEMPTS = 25;
const POLL_MS = 50;

/**
 * Publishes test events to a stack with injected faults that is killed on the way, waits until its queues are empty, redrives
 * the dead letters without faults, and compares what is then there with what was published.
 * @throws Error if not all could be published
 */
export function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  return new Chaos(options).run();
}

class Chaos {
  private readonly options: ChaosOptions;
  private readonly messages: TestMessage[];
  /** What is published once more at the end. */
  private readonly lateCopies: ReadonlySet<TestMessage>;
  private readonly faultLog: string;
  private faults: ChaosFaults | undefined;
  private readonly timeScale: number;
  private starts = 0;
  private kills = 0;
  private port = 0;
  private current: KillableRun | undefined;
  /** Aborted when a stack ends that nobody killed. */
  private readonly failure = new AbortController();

  constructor(options: ChaosOptions) {
    const { count, changes, seed } = options;
    this.options = { ...options, signal: AbortSignal.any([options.signal, this.failure.signal]) };
    this.faultLog = path.join(options.workspace, 'faults.log');
    this.timeScale = (longestVisibility(options.assembly) * 1000) / VISIBILITY_MS;
    this.messages = generateEvents({
      count,
      groups: Math.ceil(count / EVENTS_PER_GROUP),
      seed,
      duplicates: Math.ceil(count * DUPLICATE_SHARE),
      changes: Math.ceil(count * changes),
      // At least one of each kind.
      poison: POISON_KINDS.length && Math.max(POISON_KINDS.length, Math.ceil(count * POISON_SHARE)),
    });
    const copied = this.messages
      .filter(({ kind }) => kind === 'event' || kind === 'change')
      .filter((_, index) => index % LATE_COPY === 0);
    this.lateCopies = new Set(copied);
  }

  async run(): Promise<ChaosResult> {
    const { progress, signal } = this.options;
    const stop = () => void this.current?.kill();
    signal.addEventListener('abort', stop, { once: true });
    let clients: Clients | undefined;
    try {
      this.port = await freePort();
      const start = progress.step('Starting the stack in a process of its own');
      const { endpoint, stackName } = (await this.start()).endpoint;
      start.done(`${stackName} is up at ${endpoint}, and about to run under faults`);
      clients = createClients(localOptions(endpoint));
      const stack = await findStack(clients.cloudFormation, stackName);
      const takes = await readSubscriptions(clients.sns, stack);
      // An event that was lost has no late copy to replace it.
      const uncopied = this.messages.filter((message) => !this.lateCopies.has(message));
      const kind = {
        isOrdered: isOrdered(stack),
        isArchived: stack.archiveBucket !== undefined,
        hasTables: stack.consumers.some(({ tables }) => Object.keys(tables).length > 0),
        hasBuckets: stack.consumers.some(({ buckets }) => Object.keys(buckets).length > 0),
      };
      this.faults = chaosFaults(uncopied.filter(takenByAll(this.options.assembly)), kind, SLOW_MS);
      await fillTables(clients, stack);
      const before = await readLedger(clients, stack);

      await this.runUnderFaults(clients, stack);
      signal.throwIfAborted();

      // Nothing is consumed before the tables are read and the dead letters moved: none comes back meanwhile.
      const restart = progress.step('Killing the stack and restarting it without faults');
      await this.kill();
      const restarted = await this.start();
      restart.done('Restarted the stack without faults');
      const underFaults = await this.look(clients, stack, restarted);
      await this.redrive(clients, stack, restarted);
      const after = await this.look(clients, stack, restarted);
      const problems = await restarted.stop();
      this.current = undefined;
      const { count, seed, workspace } = this.options;
      const { messages } = this;
      const inversions = inversionsByConsumer(stack, messages, logsIn(workspace), underFaults.letters);
      return chaosResult({
        ...{ count, seed, messages, takes, before, underFaults, after, inversions, problems },
        isOrdered: kind.isOrdered,
        store: recordStore(stack),
        orderedConsumers: orderedConsumers(stack),
        lateCopies: [...this.lateCopies],
        faults: this.injected(),
      });
    } catch (error) {
      // Other failures are a consequence.
      this.failure.signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      await this.current?.kill();
      if (clients) destroyClients(clients);
    }
  }

  /** Without faults, time is not scaled: nothing has to be waited for. */
  private async start(faults?: FaultPlan): Promise<KillableRun> {
    const { assembly, workspace, signal } = this.options;
    signal.throwIfAborted();
    this.starts += 1;
    this.current = await KillableRun.start({
      assembly,
      port: this.port,
      logDirectory: logsIn(workspace),
      stateDirectory: path.join(workspace, 'state'),
      ...(faults && { faults, timeScale: this.timeScale }),
    });
    const { failed } = this.current;
    failed.addEventListener('abort', () => this.failure.abort(failed.reason));
    return this.current;
  }

  private async kill(): Promise<void> {
    this.kills += 1;
    await this.current?.kill();
  }

  /** Starts it with faults, chosen anew at each start. */
  private async killAndRestart(): Promise<void> {
    await this.kill();
    const seed = (this.options.seed + this.starts * 0x9e3779b9) >>> 0;
    const plan = this.faults && { ...this.faults, seed, logFile: this.faultLog };
    await (await this.start(plan)).consume();
  }

  /** Publishes everything and waits until it is processed, under faults. */
  private async runUnderFaults({ sns, sqs }: Clients, stack: StackHandles): Promise<void> {
    const { progress, signal, seed } = this.options;
    const { messages } = this;
    // When it is killed: at which share of publishing, and of processing.
    const [first, second] = [0.2 + ((seed * 7) % 10) / 20, 0.2 + ((seed * 3) % 10) / 20];
    await this.killAndRestart();

    const publishing = progress.step('Publishing');
    const failure = new AbortController();
    let restarted: Promise<unknown> | undefined;
    const published = await publishAll({
      sns,
      topicArn: stack.topicArn,
      messages,
      attempts: PUBLISH_ATTEMPTS,
      // Few at a time, so that the kill comes in the middle.
      concurrency: 2,
      signal: AbortSignal.any([signal, failure.signal]),
      onProgress: ({ sent }) => {
        publishing.bar(sent, messages.length);
        if (sent < first * messages.length) return;
        restarted ??= this.killAndRestart().catch((error) => failure.abort(error));
      },
    }).finally(() => restarted);
    publishing.done(`Published ${published} messages, and killed the stack meanwhile`);

    const processing = progress.step('Processing');
    let most = 1;
    let isDue = true;
    const isEmpty = await this.waitUntilEmpty(sqs, stack, async (left) => {
      most = Math.max(most, left);
      processing.bar(most - left, most);
      if (!isDue || left > (1 - second) * most) return;
      isDue = false;
      await this.killAndRestart();
    });
    if (isEmpty) processing.done('The queues are empty');
    else processing.fail(`Nothing has moved for ${STALL_MS / 1000} s, and the queues are not empty`);
  }

  /** Moves all dead letters back, publishes late copies of some events as well, and waits until all is processed. */
  private async redrive({ sns, sqs }: Clients, stack: StackHandles, restarted: KillableRun): Promise<void> {
    const { progress, signal } = this.options;
    const redriving = progress.step('Redriving');
    const moves = stack.consumers.map(({ deadLetterQueueUrl: from, queueUrl: to }) =>
      moveAll({ sqs, from, to, signal, onProgress: () => {} }),
    );
    const moved = (await Promise.all(moves)).reduce((sum, move) => sum + move.moved, 0);
    await publishAll({ sns, topicArn: stack.topicArn, messages: [...this.lateCopies], signal });
    await restarted.consume();
    let before = 0;
    const isEmpty = await this.waitUntilEmpty(sqs, stack, async (left) => {
      // Time is not scaled, but no more messages will fill a batch.
      if (left === before) await restarted.endBatchingWindows();
      before = left;
    });
    const redrove = `Redrove ${moved} ${plural(moved, 'dead letter')}`;
    if (isEmpty) redriving.done(redrove);
    else redriving.fail(`${redrove}, and the queues do not become empty`);
  }

  private waitUntilEmpty(
    sqs: Clients['sqs'],
    { consumers }: StackHandles,
    onPoll: WaitOptions['onPoll'] = () => {},
  ): Promise<boolean> {
    const queueUrls = consumers.map(({ queueUrl }) => queueUrl);
    const { signal } = this.options;
    return waitUntilEmpty(sqs, queueUrls, { stallTimeoutMs: STALL_MS, pollMs: POLL_MS, signal, onPoll });
  }

  private async look(clients: Clients, stack: StackHandles, restarted: KillableRun): Promise<ChaosSnapshot> {
    return {
      ledger: await readLedger(clients, stack),
      letters: await readLetters(restarted, stack),
      archived: stack.archiveBucket === undefined ? undefined : await readArchived(clients, stack),
    };
  }

  /** How often each fault was injected. */
  private injected(): ChaosFindings['faults'] {
    const kinds = fs.existsSync(this.faultLog) ? fs.readFileSync(this.faultLog, 'utf8').split('\n') : [];
    return Object.fromEntries([
      ...Object.keys(this.faults?.faults ?? {}).map((kind) => [
        kind,
        kinds.filter((each) => each === kind).length,
      ]),
      ['stack-killed', this.kills],
    ]);
  }
}

function logsIn(workspace: string): string {
  return path.join(workspace, 'logs');
}

/** Seconds. */
function longestVisibility(assembly: string): number {
  const queues = Object.values(readAssembly(assembly).template.Resources).filter(
    ({ Type }) => Type === 'AWS::SQS::Queue',
  );
  return Math.max(...queues.map(({ Properties }) => Number(Properties?.VisibilityTimeout ?? 30)));
}
