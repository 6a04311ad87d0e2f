/** The record of what operators did: who sent back or replayed what, or stopped and started whom, when, and how it ended. On AWS in a log group of the stack, else in a file. */
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

/** What is known of a redrive before it begins. */
interface RedriveStart {
  /** Absent in records of before there were others. */
  readonly operation: 'redrive';
  /** In words: `all`, `reason "NotJson", at most 10`. */
  readonly what: string;
  /** Letters that were meant, as far as they were counted. */
  readonly letters: number;
}

interface RedriveEnd extends End {
  readonly sent: number;
  readonly cameBack: number;
}

/** What is known of a replay before it begins. */
interface ReplayStart {
  readonly operation: 'replay';
  /** In words: `2026-11-01 to 2026-11-02, order 4711`. */
  readonly what: string;
  /** Objects of the archive that are to be read. */
  readonly objects: number;
}

interface ReplayEnd extends End {
  readonly sent: number;
  /** Objects that could not be read. */
  readonly skipped: number;
  /** The object up to which all was sent. */
  readonly after?: string;
}

/** What is known of a stop or a start of a consumer before it begins. */
interface SwitchStart {
  readonly operation: 'stop' | 'start';
  /** Why, as the operator said it. */
  readonly reason?: string;
}

interface End {
  /** In words: `done`, `interrupted`, `stopped: …`. */
  readonly outcome: string;
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

type Redrive = Origin & RedriveStart & { readonly endedAt?: string } & Partial<RedriveEnd>;
type Replay = Origin & ReplayStart & { readonly endedAt?: string } & Partial<ReplayEnd>;
type Switch = Origin & SwitchStart & { readonly endedAt?: string } & Partial<End>;
/** What somebody did; without its end while it goes on, and for good where its command was killed. */
export type Operation = Redrive | Replay | Switch;

type Entry =
  | ({ event: 'started' } & Origin & (RedriveStart | ReplayStart | SwitchStart))
  | ({ event: 'ended'; id: string; at: string } & (RedriveEnd | ReplayEnd | End));

const STREAM = 'operations';
const LOCAL_FILE = 'operations.jsonl';
/** Where the records were while there were none but of redrives. */
const FORMER_LOCAL_FILE = 'redrives.jsonl';

export const isSwitch = (operation: Operation): operation is Switch =>
  operation.operation === 'stop' || operation.operation === 'start';

export const isReplay = (operation: Operation): operation is Replay => operation.operation === 'replay';

/** Keeps the records of one stack. */
export class OperationsLog {
  private readonly clients: Pick<Clients, 'cloudWatchLogs' | 'sts'>;
  private readonly stack: StackHandles;
  private readonly io: Pick<Io, 'say'>;
  private readonly isLocal: boolean;
  /** Absent where a file keeps the records. */
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
    this.isLocal = local;
    this.logGroup = local ? undefined : stack.operationsLogGroup;
  }

  /** Where the records are that no log group keeps. */
  static get file(): string {
    return path.join(localDirectory(), LOCAL_FILE);
  }

  /** Where the records are, in words. */
  get place(): string {
    return this.logGroup === undefined ? OperationsLog.file : `the log group ${this.logGroup}`;
  }

  /**
   * Records that something begins.
   * @returns what records its end, and never throws: by then it has happened
   * @throws whatever the SDK throws, before anything has been done
   */
  async begin(consumer: string, start: RedriveStart): Promise<(end: RedriveEnd) => Promise<void>>;
  async begin(consumer: string, start: ReplayStart): Promise<(end: ReplayEnd) => Promise<void>>;
  async begin(consumer: string, start: SwitchStart): Promise<(end: End) => Promise<void>>;
  async begin(consumer: string, start: RedriveStart | ReplayStart | SwitchStart) {
    const id = randomUUID();
    const { name: stack } = this.stack;
    const who = await callerOf(this.clients.sts, this.isLocal);
    await this.write({ event: 'started', id, at: now(), who, stack, consumer, ...start });
    return async (end: RedriveEnd | ReplayEnd | End) => {
      await this.write({ event: 'ended', id, at: now(), ...end }).catch((error) => {
        this.io.say(`The end of the ${start.operation} could not be recorded: ${explain(error) ?? error}`);
      });
    };
  }

  /** All that is on record of the stack, the oldest first. @throws whatever the SDK throws */
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
    // Of all streams: there was another one while there were none but records of redrives.
    const pages = paginateFilterLogEvents({ client: this.clients.cloudWatchLogs }, { logGroupName });
    for await (const { events = [] } of pages) for (const { message = '' } of events) yield message;
  }

  private *linesOfFile(): Generator<string> {
    for (const file of [path.join(localDirectory(), FORMER_LOCAL_FILE), OperationsLog.file]) {
      if (fs.existsSync(file)) yield* fs.readFileSync(file, 'utf8').split('\n');
    }
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
