/** The claim on the folder of a kept local stack, which one process has at a time, from before its start until it is stopped. */
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { endpointFile, type LocalEndpoint, runningStack } from '../../cli/aws/local-stack.ts';

/** How long to wait for another process that is just writing its ID. */
const WAIT_MS = 200;
const SQLITE_BUSY = 5;
/** A lock that nobody refers to any more would be closed by the garbage collector. */
const held = new Set<DatabaseSync>();

/**
 * SQLite's lock on a file: Node has no file locks of its own, and the operating system releases this one when the process is gone,
 * however it ended. So there are no stale claims.
 * https://www.sqlite.org/lockingv3.html
 */
export class Claim {
  private readonly directory: string;
  private readonly lock: DatabaseSync;

  /**
   * Claims a folder, which is created if it is missing.
   * @throws Error of one line that says who has it
   */
  constructor(directory: string) {
    this.directory = path.resolve(directory);
    fs.mkdirSync(this.directory, { recursive: true });
    const file = path.join(this.directory, 'lock');
    this.lock = new DatabaseSync(file, { timeout: WAIT_MS });
    try {
      // First who has it, for others to read; then the lock itself, in a transaction that never ends.
      this.lock.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${process.pid}; COMMIT; BEGIN IMMEDIATE`);
    } catch (error) {
      const isHeld = (error as { errcode?: number }).errcode === SQLITE_BUSY;
      const problem = isHeld
        ? refusal(this.directory, holderOf(this.lock))
        : new Error(`${file} cannot be locked (${(error as Error).message}): remove it`);
      this.lock.close();
      throw problem;
    }
    held.add(this.lock);
    // Of a process that was killed.
    this.withdraw();
  }

  /** Lets commands find the stack. */
  announce(endpoint: LocalEndpoint): void {
    const file = endpointFile(this.directory);
    // Under its name only when it is complete.
    fs.writeFileSync(`${file}.part`, JSON.stringify(endpoint));
    fs.renameSync(`${file}.part`, file);
  }

  /** From now on no command finds the stack. */
  withdraw(): void {
    fs.rmSync(endpointFile(this.directory), { force: true });
  }

  /** Leaves the folder to others. */
  release(): void {
    held.delete(this.lock);
    this.lock.close();
  }
}

function holderOf(lock: DatabaseSync): number {
  return Number(lock.prepare('PRAGMA user_version').get()?.user_version);
}

function refusal(folder: string, pid: number): Error {
  const stack = runningStack(endpointFile(folder));
  const state =
    stack?.pid === pid
      ? `a local stack is already up at ${stack.endpoint}`
      : `a local stack is already starting or stopping in ${folder}`;
  return new Error(
    `${state} (process ${pid}): stop it first, with Ctrl-C in its terminal or \`kill ${pid}\``,
  );
}
