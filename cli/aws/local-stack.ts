/** The files of a kept local stack, and how other processes reach it. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError, usageError } from '../terminal/command-error.ts';
import { START } from '../terminal/words.ts';
import { type ClientOptions, localOptions } from './clients.ts';

/** What a local stack writes into its endpoint file while it is up. */
export interface LocalEndpoint {
  readonly endpoint: string;
  readonly stackName: string;
  readonly region: string;
  /** Of the process that runs it. */
  readonly pid: number;
}

const START_LOCAL = `start it in another terminal with \`${START} --keep\``;

/** Folder of a kept local stack; the environment can name another one, for a second stack. */
export function localDirectory(): string {
  return process.env.LOCAL_RUN_DIRECTORY ?? fileURLToPath(new URL('../../.local', import.meta.url));
}

/** Where a running local stack writes its endpoint. */
export function endpointFile(directory = localDirectory()): string {
  return path.join(directory, 'endpoint.json');
}

/**
 * Name of the running local stack, and how to reach it.
 * @throws CommandError where none is running
 */
export function localStack(file = endpointFile()): ClientOptions & { name: string } {
  const stack = readEndpoint(file);
  if (!stack) throw new CommandError(`The local stack is not running: ${START_LOCAL}`);
  const { endpoint, stackName: name, pid } = stack;
  if (!isRunning(pid)) {
    throw new CommandError(`The local stack is not running, its process ${pid} is gone: ${START_LOCAL}`);
  }
  return { name, ...localOptions(endpoint) };
}

/** The local stack that is up, if there is one. @throws CommandError for a file that no local stack has written */
export function runningStack(file = endpointFile()): LocalEndpoint | undefined {
  const stack = readEndpoint(file);
  return stack && isRunning(stack.pid) ? stack : undefined;
}

function readEndpoint(file: string): LocalEndpoint | undefined {
  if (!fs.existsSync(file)) return undefined;
  let stack: Partial<LocalEndpoint>;
  try {
    stack = JSON.parse(fs.readFileSync(file, 'utf8')) ?? {};
  } catch {
    stack = {};
  }
  const { endpoint = '', pid, stackName } = stack;
  const host = URL.parse(endpoint)?.hostname;
  if (!host || typeof pid !== 'number' || pid <= 0 || !stackName) {
    throw new CommandError(`${file} is not what a local stack writes: remove it, and ${START_LOCAL}`);
  }
  if (host !== '127.0.0.1' && host !== 'localhost') {
    throw usageError(`${file} names the endpoint ${endpoint}, but a local stack is on 127.0.0.1`);
  }
  return stack as LocalEndpoint;
}

/** Whether there is a process of this ID. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It exists, and belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
