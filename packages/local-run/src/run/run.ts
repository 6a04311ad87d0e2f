// A cloud assembly, up and running on this machine: emulators, resources, functions, pollers, logs and metrics together.
import fs from 'node:fs';
import path from 'node:path';
import { REGION } from '../client/account.ts';
import { type ClientSettings, clientSettings, type LocalEndpoint } from '../client/client-settings.ts';
import { Faults } from '../faults/faults.ts';
import type { HeldMessage } from '../fauxqs/waiting.ts';
import type { Access } from '../iam/access-control.ts';
import { Emulators } from '../server/emulators.ts';
import type { EmulatorsApi } from '../server/emulators-worker.ts';
import type { EmulatorOptions } from '../server/messages.ts';
import { readAssembly } from '../template/assembly.ts';
import { leftMachine } from '../threads/loopback-only.ts';
import type { Remote } from '../threads/remote-calls.ts';
import { type DeployedStack, deployStack } from './deployed-stack.ts';

/** CloudWatch's part of what the emulators may be asked. */
export type LocalCloudWatch = Pick<
  Remote<EmulatorsApi>,
  'alarms' | 'alarmStates' | 'endMinute' | 'skipMinutes' | 'followRealTime' | 'metricSum'
>;

/** What a local run is started with. */
export interface LocalRunOptions extends EmulatorOptions {
  /** Folder of the cloud assembly. */
  assembly: string;
  /** Folder for a log file a function. */
  logDirectory: string;
  /**
   * How much faster than on AWS the waiting goes: visibility timeouts, delays and batching windows are divided by it. Work
   * takes the time it takes, so functions' timeouts are divided by a third of it, and stay shorter than visibility timeouts
   * that are six times as long in the template. The functions' own timers are left alone.
   * @default 1
   */
  timeScale?: number | undefined;
}

/** A running local stack. */
export class LocalRun {
  readonly stack: DeployedStack;
  /** Problems outside the handlers, a line each; refused connections and denied calls are among them. */
  readonly problems: readonly string[];
  /** Settings with which an AWS SDK client reaches the stack. */
  readonly client: ClientSettings;
  /** Aborted when the emulators end without being stopped; the reason is an Error of one line. */
  readonly failed: AbortSignal;
  private readonly emulators: Emulators;

  /**
   * Starts the emulators and deploys the stack of the assembly. Messages are consumed from `consume` on.
   * @throws Error with one line for a taken port, a type that is not known, an assembly that is not there
   */
  static async start(options: LocalRunOptions): Promise<LocalRun> {
    const synthesized = readAssembly(options.assembly);
    const problems: string[] = [];
    fs.mkdirSync(options.logDirectory, { recursive: true });
    const emulators = await Emulators.start(options, (problem) => problems.push(problem));
    try {
      const stack = await deployStack(synthesized, {
        endpoint: emulators.endpoint,
        emulators,
        events: {
          log(functionName, line) {
            emulators.report({ line });
            // At once, so that a line is there as soon as the function has said it.
            fs.appendFileSync(path.join(options.logDirectory, `${functionName}.log`), `${line}\n`);
          },
          refused: (functionName, host) => problems.push(leftMachine(functionName, host)),
          measured: (functionName, values, qualifier) =>
            emulators.report({ functionName, values, qualifier }),
        },
        timeScale: options.timeScale ?? 1,
        faults: options.faults && new Faults(options.faults, 'functions'),
        onProblem: (problem) => problems.push(problem),
      });
      await emulators.api.describe([stack.description]);
      return new LocalRun(stack, emulators, problems);
    } catch (error) {
      await emulators.stop();
      // What else has failed is a consequence.
      emulators.failed.throwIfAborted();
      throw error;
    }
  }

  private constructor(stack: DeployedStack, emulators: Emulators, problems: string[]) {
    this.stack = stack;
    this.emulators = emulators;
    this.failed = emulators.failed;
    this.problems = problems;
    this.client = clientSettings(emulators.endpoint);
  }

  get cloudWatch(): LocalCloudWatch {
    return this.emulators.api;
  }

  get endpoint(): LocalEndpoint {
    return {
      endpoint: this.emulators.endpoint,
      stackName: this.stack.description.name,
      region: REGION,
      pid: process.pid,
    };
  }

  /** Starts the event source mappings. */
  consume(): void {
    for (const mapping of this.stack.mappings) mapping.start();
  }

  /** The permissions that were asked for since the stack was deployed, each once, and whether they were there. */
  accesses(): Promise<Access[]> {
    return this.emulators.api.accesses();
  }

  /** The messages that lie in a queue, by its URL; none of them is touched. */
  messagesIn(queueUrl: string): Promise<HeldMessage[]> {
    return this.emulators.api.messagesIn(path.posix.basename(queueUrl));
  }

  /** Whether a function works on something, or an event source mapping collects a batch for it. */
  get isBusy(): boolean {
    const { functions, mappings } = this.stack;
    return [...functions.values()].some((each) => each.isBusy) || mappings.some((each) => each.holdsMessages);
  }

  /**
   * Ends all batching windows that are open, as if their time had passed: within a second every mapping that is collecting a
   * batch invokes its function with what it has. Whoever also ends visibility timeouts waits until nothing `isBusy` in between.
   */
  endBatchingWindows(): void {
    for (const mapping of this.stack.mappings) mapping.endBatchingWindows();
  }

  /**
   * Makes every message in flight visible, as if its visibility timeout had passed. One that a function works on would be
   * received twice: see `isBusy`.
   * @returns how many there were
   */
  endVisibilityTimeouts(): Promise<number> {
    return this.emulators.api.endVisibilityTimeouts();
  }

  /**
   * Lets time pass for the messages in flight, as if so many seconds had gone by: backoffs of hours need not be waited for. What a
   * function works on is in flight, too: see `isBusy`.
   */
  passTime(seconds: number): Promise<void> {
    return this.emulators.api.passTime(seconds);
  }

  /** Messages that reached a queue since the start, by queue URL; those that SQS itself moved there do not count. */
  async delivered(queueUrl: string): Promise<number> {
    const { queues } = await this.emulators.api.sample();
    return queues.find(({ name }) => name === path.posix.basename(queueUrl))?.sent ?? 0;
  }

  /** Lets what is under way end, then stops everything. State that is kept is complete when it resolves, unless `failed`. */
  async stop(): Promise<void> {
    const { functions, mappings, clients } = this.stack;
    await Promise.all(mappings.map((mapping) => mapping.stop()));
    await Promise.all([...functions.values()].map((each) => each.stop()));
    for (const client of clients) client.destroy();
    await this.emulators.stop();
  }
}
