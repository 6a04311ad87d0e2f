/** The log of what operators did: who sent back or replayed what, stopped or started which consumer, when, and how it ended. */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {
  CreateLogStreamCommand,
  PutLogEventsCommand,
  paginateFilterLogEvents,
} from '@aws-sdk/client-cloudwatch-logs';
import { callerOf } from '../aws/caller.ts';
import type { Clients } from '../aws/clients.ts';
import { explain } from '../aws/errors.ts';
import { localDirectory } from '../aws/local-stack.ts';
import type { StackHandles } from '../aws/stack.ts';
import type { StackOptions } from '../options/stack-options.ts';
import type { Io } from '../terminal/io.ts';

/** What is known of an operation before it begins. */
type Start =
  | {
      readonly operation: 'redrive';
      /** In words: `all`, `reason "NotJson", at most 10`. */
      readonly what: string;
      /** How many were to be sent, as far as they were counted. */
      readonly letters: number;
    }
  | {
      readonly operation: 'replay';
      /** In words: `2026-11-01 to 2026-11-02, event 4711`. */
      readonly what: string;
      /** Objects of the archive to read. */
      readonly objects: number;
    }
  /** `reason` is in the operator's words. */
  | { readonly operation: 'stop' | 'start'; readonly reason?: string | undefined };

/** How it ended; the counts are those of a redrive or a replay. */
interface End {
  /** In words: `done`, `interrupted`, `stopped: …`. */
  readonly outcome: string;
  readonly sent?: number;
  readonly cameBack?: number;
  /** Objects of the archive that could not be read. */
  readonly skipped?: number;
  /** The object of the archive up to which everything was sent. */
  readonly after?: string | undefined;
}

interface Origin {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  /** ARN of the caller, or `local`. */
  readonly who: string;
  readonly stack: string;
  readonly consumer: string;
}

/** What somebody did; without an end while it is running, and for good where its command was killed. */
export type Operation = Origin & Start & { readonly endedAt?: string } & Partial<End>;

type Entry = ({ event: 'started' } & Origin & Start) | ({ event: 'ended'; id: string; at: string } & End);

const STREAM = 'operations';

type Switch = Extract<Operation, { operation: 'stop' | 'start' }>;
export const isSwitch = (operation: Operation): operation is Switch =>
  operation.operation === 'stop' || operation.operation === 'start';

type Replay = Extract<Operation, { operation: 'replay' }>;
export const isReplay = (operation: Operation): operation is Replay => operation.operation === 'replay';

/** The operations of one stack: on AWS in a log group of the stack, for a local stack in a file. */
export class OperationsLog {
  private readonly clients: Pick<Clients, 'cloudWatchLogs' | 'sts'>;
  private readonly stack: StackHandles;
  private readonly io: Pick<Io, 'say'>;
  /** Undefined where the log is a file. */
  private readonly logGroup: string | undefined;

  constructor(
    clients: Pick<Clients, 'cloudWatchLogs' | 'sts'>,
    stack: StackHandles,
    { local = false }: Pick<StackOptions, 'local'>,
    io: Pick<Io, 'say'>,
  ) {
    this.io = io;
    this.clients = clients;
    this.stack = stack;
    this.logGroup = local ? undefined : stack.operationsLogGroup;
  }

  static get file(): string {
    return path.join(localDirectory(), 'operations.jsonl');
  }

  /** Where the log is, in words. */
  get place(): string {
    return this.logGroup === undefined ? OperationsLog.file : `the log group ${this.logGroup}`;
  }

  /**
   * Records that something begins.
   * @returns what records its end, and never throws: by then it has happened
   * @throws whatever the SDK throws, before anything has been done
   */
  async begin(consumer: string, start: Start): Promise<(end: End) => Promise<void>> {
    const id = randomUUID();
    const { name: stack } = this.stack;
    const who = await callerOf(this.clients.sts, this.logGroup === undefined);
    await this.write({ event: 'started', id, at: now(), who, stack, consumer, ...start });
    return async (end) => {
      await this.write({ event: 'ended', id, at: now(), ...end }).catch((error) => {
        this.io.say(`The end of the ${start.operation} could not be recorded: ${explain(error) ?? error}`);
      });
    };
  }

  /** All operations on the stack, oldest first. @throws whatever the SDK throws */
  async read(): Promise<Operation[]> {
    const operations = new Map<string, Operation>();
    for await (const text of this.logGroup === undefined
      ? this.linesOfFile()
      : this.linesOfGroup(this.logGroup)) {
      const entry = parse(text);
      if (entry?.event === 'started') {
        const { event, ...start } = entry;
        if (start.stack === this.stack.name) operations.set(start.id, start);
      }
      if (entry?.event === 'ended') {
        const { event, id, at: endedAt, ...end } = entry;
        const start = operations.get(id);
        if (start) operations.set(id, { ...start, endedAt, ...end });
      }
    }
    return Array.from(operations.values());
  }

  private async write(entry: Entry): Promise<void> {
    if (this.logGroup === undefined) {
      fs.mkdirSync(localDirectory(), { recursive: true });
      fs.appendFileSync(OperationsLog.file, `${JSON.stringify(entry)}\n`);
      return;
    }
    const { cloudWatchLogs } = this.clients;
    const stream = { logGroupName: this.logGroup, logStreamName: STREAM };
    await cloudWatchLogs.send(new CreateLogStreamCommand(stream)).catch((error) => {
      if (error?.name !== 'ResourceAlreadyExistsException') throw error;
    });
    await cloudWatchLogs.send(
      new PutLogEventsCommand({
        ...stream,
        logEvents: [{ timestamp: Date.parse(entry.at), message: JSON.stringify(entry) }],
      }),
    );
  }

  private async *linesOfGroup(logGroupName: string): AsyncGenerator<string> {
    const pages = paginateFilterLogEvents({ client: this.clients.cloudWatchLogs }, { logGroupName });
    for await (const { events = [] } of pages) for (const { message = '' } of events) yield message;
  }

  private *linesOfFile(): Generator<string> {
    if (fs.existsSync(OperationsLog.file)) yield* fs.readFileSync(OperationsLog.file, 'utf8').split('\n');
  }
}

const now = () => new Date().toISOString();

function parse(line: string): Entry | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // A line that was cut off when its process was killed.
  }
}
