/** The claim on the folder of a kept local stack, which one process has at a time, from before its start until it is stopped. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { endpointFile, isRunning, type LocalEndpoint, runningStack } from '../../cli/aws/local-stack.ts';

const FILE = 'claim';
/** A claim that somebody has put aside, to see whether its process is gone; by their process ID. */
const ASIDE = /^claim-aside-\d+$/;
/** Folders that this process has claimed: an earlier process can have had the same ID. */
const claimed = new Set<string>();

export class Claim {
  private readonly directory: string;

  /**
   * Claims a folder, which is made where it is missing.
   * @throws Error of one line that says who has it, or which file in it no local stack has written
   */
  static async take(directory: string): Promise<Claim> {
    const folder = path.resolve(directory);
    fs.mkdirSync(folder, { recursive: true });
    while (!claims(folder)) {
      const holder = holderOf(path.join(folder, FILE));
      if (holder === undefined) continue;
      if (isHeld(folder, holder)) throw refusal(folder, holder);
      await removeClaimOf(holder, folder);
    }
    const claim = new Claim(folder);
    try {
      // Whoever puts a claim aside puts it back if its process runs, so that it counts also where it lies meanwhile.
      for (const name of fs.readdirSync(folder).filter((each) => ASIDE.test(each))) {
        const holder = holderOf(path.join(folder, name));
        if (holder !== undefined && holder !== process.pid && isRunning(holder)) {
          throw refusal(folder, holder);
        }
      }
      const other = runningStack(endpointFile(folder));
      if (other && other.pid !== process.pid) throw refusal(folder, other.pid);
      return claim;
    } catch (error) {
      claim.release();
      throw error;
    }
  }

  private constructor(directory: string) {
    this.directory = directory;
    claimed.add(directory);
  }

  /** Lets commands find the stack. */
  announce(endpoint: LocalEndpoint): void {
    const file = endpointFile(this.directory);
    // Under its name only when it is whole.
    fs.writeFileSync(`${file}.part`, JSON.stringify(endpoint));
    fs.renameSync(`${file}.part`, file);
  }

  /** Lets no command find it any more. */
  withdraw(): void {
    fs.rmSync(endpointFile(this.directory), { force: true });
  }

  /** Leaves the folder to others. */
  release(): void {
    claimed.delete(this.directory);
    for (const name of fs.readdirSync(this.directory)) {
      const file = path.join(this.directory, name);
      if ((name === FILE || ASIDE.test(name)) && pidIn(file) === process.pid)
        fs.rmSync(file, { force: true });
    }
  }
}

/** Makes the claim, unless there is one. */
function claims(folder: string): boolean {
  const part = path.join(folder, `${FILE}-${process.pid}.part`);
  fs.writeFileSync(part, `${process.pid}\n`);
  try {
    // Unlike a file that is opened exclusively, it is whole as soon as it is there.
    fs.linkSync(part, path.join(folder, FILE));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    fs.rmSync(part, { force: true });
  }
}

/** The process of a claim, undefined where there is no such file. @throws Error for one that no local stack has written */
function holderOf(file: string): number | undefined {
  const pid = pidIn(file);
  if (Number.isNaN(pid)) {
    throw new Error(`${file} is not what a local stack writes: remove it, if none is running`);
  }
  return pid;
}

/** NaN for a file that holds anything else. */
function pidIn(file: string): number | undefined {
  try {
    const [, pid] = /^([1-9]\d{0,9})\n$/.exec(fs.readFileSync(file, 'utf8')) ?? [];
    return Number(pid);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const isHeld = (folder: string, pid: number) => (pid === process.pid ? claimed.has(folder) : isRunning(pid));

/** Removes the claim of a process that is gone; another one, that has been made in the meantime, stays. */
async function removeClaimOf(gone: number, folder: string): Promise<void> {
  const file = path.join(folder, FILE);
  const aside = path.join(folder, `${FILE}-aside-${process.pid}`);
  try {
    fs.renameSync(file, aside);
  } catch (error) {
    // Somebody else was faster.
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  while (pidIn(aside) !== gone) {
    try {
      fs.linkSync(aside, file);
      break;
    } catch (error) {
      // It was released.
      if (codeOf(error) === 'ENOENT') return;
      if (codeOf(error) !== 'EEXIST') throw error;
      // Somebody who has claimed the folder meanwhile sees this claim, and goes.
      await pause(5);
    }
  }
  fs.rmSync(aside, { force: true });
}

function refusal(folder: string, pid: number): Error {
  const stop = `stop it first, with Ctrl-C in its terminal or \`kill ${pid}\``;
  const stack = stackOf(folder, pid);
  return new Error(
    stack
      ? `a local stack is up already at ${stack.endpoint} (process ${pid}): ${stop}`
      : `a local stack is starting or stopping already in ${folder} (process ${pid}): ${stop}`,
  );
}

function stackOf(folder: string, pid: number): LocalEndpoint | undefined {
  try {
    const stack = runningStack(endpointFile(folder));
    return stack?.pid === pid ? stack : undefined;
  } catch {
    return undefined;
  }
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;
