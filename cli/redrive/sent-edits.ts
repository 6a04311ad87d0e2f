/** Which corrections of a file were already sent, so that an interrupted redrive can be resumed. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { CommandError } from '../terminal/command-error.ts';
import type { Edit } from './edits.ts';

/** A list beside the file; a correction is on it before its letter is deleted. */
export class SentEdits {
  readonly path: string;
  private readonly queue: string;
  private readonly sent: Set<string>;

  /** @param queue URL of the queue that the corrections go to @throws CommandError for a list that cannot be read */
  constructor(editFile: string, queue: string) {
    this.path = `${editFile}.sent`;
    this.queue = queue;
    try {
      this.sent = new Set(fs.existsSync(this.path) ? fs.readFileSync(this.path, 'utf8').split('\n') : []);
    } catch (error) {
      throw new CommandError(`Cannot read ${this.path}: ${(error as Error).message}`);
    }
  }

  has(edit: Edit): boolean {
    return this.sent.has(this.lineOf(edit));
  }

  /** Writes to disk that these were sent. @throws CommandError where that fails */
  add(edits: readonly Edit[]): void {
    if (edits.length === 0) return;
    const lines = edits.map((edit) => this.lineOf(edit));
    try {
      const file = fs.openSync(this.path, 'a', 0o600);
      try {
        fs.writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
        fs.fsyncSync(file);
      } finally {
        fs.closeSync(file);
      }
    } catch (error) {
      throw new CommandError(`Cannot write ${this.path}: ${(error as Error).message}`);
    }
    for (const line of lines) this.sent.add(line);
  }

  /** Nothing is left to resume once all are sent. */
  remove(): void {
    fs.rmSync(this.path, { force: true });
  }

  /** A hash, since bodies hold personal data. */
  private lineOf({ replaces, body }: Edit): string {
    return createHash('sha256')
      .update(JSON.stringify([this.queue, replaces, body]))
      .digest('hex');
  }
}
