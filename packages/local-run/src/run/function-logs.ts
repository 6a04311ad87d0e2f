import fs from 'node:fs';
import path from 'node:path';

/** A log file a function; a line is in it as soon as the function has said it. */
export class FunctionLogs {
  private readonly directory: string;
  private readonly files = new Map<string, number>();

  constructor(directory: string) {
    this.directory = directory;
    fs.mkdirSync(directory, { recursive: true });
  }

  write(functionName: string, line: string): void {
    let file = this.files.get(functionName);
    if (file === undefined) {
      file = fs.openSync(path.join(this.directory, `${functionName}.log`), 'a');
      this.files.set(functionName, file);
    }
    fs.writeSync(file, `${line}\n`);
  }

  close(): void {
    for (const file of this.files.values()) fs.closeSync(file);
  }
}
