/** The folder of a run: template, logs and state. It goes when the run ends, and where that was killed, when the next one starts. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isRunning } from '../cli/aws/local-stack.ts';

/** `order-fan-out-`, and the ID of the process whose folder it is. */
const RUNNING = /^order-fan-out-(\d+)$/;

export class Workspace {
  readonly directory = path.join(os.tmpdir(), `order-fan-out-${process.pid}`);

  /** Makes the folder, and removes those of processes that are gone. */
  constructor() {
    for (const name of fs.readdirSync(os.tmpdir())) {
      const pid = Number(RUNNING.exec(name)?.[1] ?? 0);
      if (pid > 0 && (pid === process.pid || !isRunning(pid))) remove(path.join(os.tmpdir(), name));
    }
    fs.mkdirSync(this.directory, { mode: 0o700 });
  }

  /** Where the functions' logs go. */
  get logs(): string {
    return path.join(this.directory, 'logs');
  }

  remove(): void {
    remove(this.directory);
  }

  /**
   * Removes all but the logs, for somebody to look at.
   * @returns their folder, which nothing removes, or undefined where no function has started
   */
  removeAllButLogs(): string | undefined {
    const kept = fs.existsSync(this.logs)
      ? fs.mkdtempSync(path.join(os.tmpdir(), 'order-fan-out-logs-'))
      : undefined;
    if (kept) fs.renameSync(this.logs, kept);
    this.remove();
    return kept;
  }
}

function remove(folder: string): void {
  fs.rmSync(folder, { recursive: true, force: true });
}
