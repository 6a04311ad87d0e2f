import { join } from 'node:path';
import { ARCHIVE } from '../../contract/archive.ts';

/** Where the archive's handler is, beside what all handlers share. */
const SHARED = join(import.meta.dirname, '..', '..', 'lambda');

/** Path of the module that exports a consumer's `handler`. @param handlers folder of all but the archive's */
export function handlerEntry(consumer: string, handlers: string): string {
  return join(consumer === ARCHIVE ? SHARED : handlers, consumer, 'handler.ts');
}
