/** The folder of a run: template, logs and state. Removed when the run ends or, if that was killed, when the next one starts. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isRunning } from '../cli/aws/local-stack.ts';

/** `order-fan-out-`, the ID of the process whose folder it is, and what makes the name unique. */
const RUNNING = /^order-fan-out-(\d+)-/;

export class Workspace {
  readonly directory: string;

  /** Makes the folder, and removes those of processes that are gone. */
  constructor() {
    for (const name of fs.readdirSync(os.tmpdir())) {
      const pid = Number(RUNNING.exec(name)?.[1] ?? 0);
      if (pid > 0 && pid !== process.pid && !isRunning(pid)) removeOwn(path.join(os.tmpdir(), name));
    }
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), `order-fan-out-${process.pid}-`));
  }

  private get logs(): string {
    return path.join(this.directory, 'logs');
  }

  /** Removes it; if the run failed, keeps the functions' logs, and says on standard error where they are. */
  end(isWell: boolean): void {
    if (!isWell && fs.existsSync(this.logs)) {
      const kept = fs.mkdtempSync(path.join(os.tmpdir(), 'order-fan-out-logs-'));
      fs.renameSync(this.logs, kept);
      console.error(`The functions' logs are in ${kept}`);
    }
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Folders of other users are left to them. */
function removeOwn(folder: string): void {
  try {
    fs.rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
  }
}
