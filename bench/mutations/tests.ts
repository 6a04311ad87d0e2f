/** Runs test files again and again in a process that stays, since Jest takes seconds to start. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

/** A process that has run so many is replaced, since Jest does not give all memory back. */
const RUNS_A_PROCESS = 40;

/** The tests of the project in a folder, in which this file is, too. */
export class Tests {
  private readonly project: string;
  private child: ChildProcess | undefined;
  private runs = 0;

  constructor(project: string) {
    this.project = project;
  }

  /** @returns whether all pass within the time */
  async pass(test: string, milliseconds: number): Promise<boolean> {
    if (this.runs++ % RUNS_A_PROCESS === 0) this.stop();
    this.child ??= fork(path.join(this.project, 'bench', 'mutations', 'tests.ts'), [], {
      cwd: this.project,
      execArgv: ['--experimental-vm-modules'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true,
    });
    const over = AbortSignal.timeout(Math.ceil(milliseconds));
    try {
      this.child.send(test);
      const [passed] = await Promise.race([
        once(this.child, 'message', { signal: over }),
        once(this.child, 'exit', { signal: over }),
      ]);
      if (passed === true) return true;
    } catch {} // Out of time, as tests that no longer end are.
    this.stop(); // After a failure something may be left open, and other tests may still be running.
    return false;
  }

  /** With the processes that tests have started. */
  stop(): void {
    if (this.child?.pid !== undefined && this.child.exitCode === null)
      process.kill(-this.child.pid, 'SIGKILL');
    this.child = undefined;
  }
}

/** Jest's reporter, in the process that runs the tests: one failure is enough. */
export default class FirstFailure {
  onTestCaseResult(_: unknown, { status }: { status: string }): void {
    if (status === 'failed') process.send?.(false);
  }
}

/** In a process of its own: runs a test and says whether it passed. */
async function run(test: string): Promise<void> {
  const { buildArgv, runCLI } = await import('jest');
  const argv = await buildArgv([
    `test/${test}`,
    '--runInBand',
    '--silent',
    '--watchman=false',
    `--reporters=${import.meta.filename}`,
  ]);
  const { results } = await runCLI(argv, [process.cwd()]);
  process.send?.(results.success && results.numPassedTests > 0);
}

if (import.meta.main) process.on('message', run);
