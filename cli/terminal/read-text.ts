import fs from 'node:fs';
import { CommandError, usageError } from './command-error.ts';

/**
 * The file is held in memory: all of it is checked before anything is done, and standard input cannot be read twice. A file of
 * this size, about 150,000 events, takes 0.8 GB.
 */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/**
 * Reads the text of `file`, or of standard input for `-`.
 * @throws CommandError if it cannot be read, is too large or is not UTF-8
 */
export async function readText(file: string, stdin: NodeJS.ReadableStream): Promise<string> {
  const name = file === '-' ? 'standard input' : file;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of file === '-' ? stdin : fs.createReadStream(file)) {
      const chunk = Buffer.from(part);
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_FILE_BYTES) break;
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = { ENOENT: 'there is no such file', EISDIR: 'it is a directory' };
    throw usageError(`Cannot read ${name}: ${reasons[code ?? ''] ?? message}`);
  }
  if (bytes > MAX_FILE_BYTES) {
    throw new CommandError(`${name} has more than ${MAX_FILE_BYTES / 1024 / 1024} MiB: split it`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CommandError(`${name} is not UTF-8 text`);
  }
}
