/** The record of redrives: who sent back what, when, and how it ended. On AWS in a log group of the stack, else in a file. */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {
  CreateLogStreamCommand,
  PutLogEventsCommand,
  paginateFilterLogEvents,
} from '@aws-sdk/client-cloudwatch-logs';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { Clients } from '../aws/clients.ts';
import { explain } from '../aws/errors.ts';
import { localDirectory } from '../aws/local-stack.ts';
import type { StackHandles } from '../aws/stack.ts';
import type { Io } from '../terminal/io.ts';
import type { StackOptions } from '../usage/stack-options.ts';

/** What is known before a redrive begins. */
interface RedriveStart {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  /** ARN of the caller, or `local`. */
  readonly who: string;
  readonly stack: string;
  readonly consumer: string;
  /** In words: `all`, `reason "NotJson", at most 10`. */
  readonly what: string;
  /** Letters that were meant, as far as they were counted. */
  readonly letters: number;
}

export interface RedriveEnd {
  readonly sent: number;
  readonly cameBack: number;
  /** In words: `done`, `interrupted`, `stopped: …`. */
  readonly outcome: string;
}

/** A redrive; without its end while it goes on, and for good where its command was killed. */
export type Redrive = RedriveStart & { readonly endedAt?: string } & Partial<RedriveEnd>;

type Entry =
  | ({ event: 'started' } & RedriveStart)
  | ({ event: 'ended'; id: string; at: string } & RedriveEnd);

const STREAM = 'redrives';
const LOCAL_FILE = 'redrives.jsonl';

/** Keeps the records of one stack. */
export class RedriveLog {
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
    return this.logGroup === undefined ? RedriveLog.file : `the log group ${this.logGroup}`;
  }

  /**
   * Records that a redrive begins.
   * @returns what records its end, and never throws: by then it has happened
   * @throws whatever the SDK throws, before anything has been sent back
   */
  async begin(
    start: Pick<RedriveStart, 'consumer' | 'what' | 'letters'>,
  ): Promise<(end: RedriveEnd) => Promise<void>> {
    const id = randomUUID();
    const { name: stack } = this.stack;
    await this.write({ event: 'started', id, at: now(), who: await this.who(), stack, ...start });
    return async (end) => {
      await this.write({ event: 'ended', id, at: now(), ...end }).catch((error) => {
        this.io.say(`The end of the redrive could not be recorded: ${explain(error) ?? error}`);
      });
    };
  }

  /** All redrives of the stack that are on record, the oldest first. @throws whatever the SDK throws */
  async read(): Promise<Redrive[]> {
    const redrives = new Map<string, Redrive>();
    for await (const text of this.logGroup === undefined
      ? this.linesOfFile()
      : this.linesOfGroup(this.logGroup)) {
      const entry = parse(text);
      if (entry?.event === 'started') {
        const { event, ...start } = entry;
        if (start.stack === this.stack.name) redrives.set(start.id, start);
      }
      if (entry?.event === 'ended') {
        const { event, id, at: endedAt, ...end } = entry;
        const start = redrives.get(id);
        if (start) redrives.set(id, { ...start, endedAt, ...end });
      }
    }
    return Array.from(redrives.values());
  }

  private async who(): Promise<string> {
    if (this.isLocal) return 'local';
    const { Arn = 'unknown' } = await this.clients.sts.send(new GetCallerIdentityCommand());
    return Arn;
  }

  private async write(entry: Entry): Promise<void> {
    if (this.logGroup === undefined) {
      fs.mkdirSync(localDirectory(), { recursive: true });
      fs.appendFileSync(RedriveLog.file, `${JSON.stringify(entry)}\n`);
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
    const pages = paginateFilterLogEvents(
      { client: this.clients.cloudWatchLogs },
      { logGroupName, logStreamNames: [STREAM] },
    );
    try {
      for await (const { events = [] } of pages) for (const { message = '' } of events) yield message;
    } catch (error) {
      // Nobody has ever sent anything back.
      if (!(error instanceof Error && error.name === 'ResourceNotFoundException')) throw error;
    }
  }

  private *linesOfFile(): Generator<string> {
    if (fs.existsSync(RedriveLog.file)) yield* fs.readFileSync(RedriveLog.file, 'utf8').split('\n');
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
