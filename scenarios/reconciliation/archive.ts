// Compares the archive with what was published: each message is in it, byte for byte, and nothing else.
import type { MessageAttributeValue } from '@aws-sdk/client-sns';
import { listObjects, readObject } from '../../cli/archive/objects.ts';
import type { Clients } from '../../cli/aws/clients.ts';
import type { StackHandles } from '../../cli/aws/stack.ts';
import type { TestMessage } from '../../cli/publishing/test-events.ts';
import { plural } from '../../cli/terminal/text.ts';
import { ARCHIVE, type ArchivedMessage } from '../../contract/archive.ts';
import { toRequest } from '../../contract/dead-letter.ts';
import type { Differences } from './differences.ts';

/** What a run without differences has shown of it. */
export const IN_ARCHIVE = 'The archive has each message that was published, byte for byte.';

/** What the archive has. */
export interface Archived {
  /** Keys of its objects. */
  readonly keys: ReadonlySet<string>;
  /** What each message says, with body and attributes → IDs of the messages that say so. */
  readonly messages: ReadonlyMap<string, ReadonlySet<string>>;
  /** Objects that cannot be read, and why: a line each. */
  readonly problems: readonly string[];
}

const ALL = { from: new Date(0), to: new Date('9999-01-01') };

/**
 * Reads the whole archive of a stack.
 * @param known keys of objects that are left out
 * @returns nothing for a stack without one
 */
export async function readArchived(
  { s3 }: Pick<Clients, 's3'>,
  { archiveBucket }: StackHandles,
  known: ReadonlySet<string> = new Set(),
): Promise<Archived> {
  const messages = new Map<string, Set<string>>();
  const keys = new Set<string>();
  const problems: string[] = [];
  if (archiveBucket === undefined) return { keys, messages, problems };
  for await (const object of listObjects(s3, archiveBucket, ALL)) {
    keys.add(object.key);
    if (known.has(object.key)) continue;
    const content = await readObject(s3, archiveBucket, object);
    if ('problem' in content) problems.push(`${object.key}: ${content.problem}`);
    else for (const message of content.messages) enter(messages, message);
  }
  return { keys, messages, problems };
}

function enter(messages: Map<string, Set<string>>, message: ArchivedMessage): void {
  const attributes = toRequest(message.attributes);
  const says = textOf({ body: message.body, attributes });
  messages.set(says, (messages.get(says) ?? new Set()).add(message.messageId));
}

/**
 * Compares the archive with what was published to the topic: a message that was published twice is in it as two.
 * @param waiting bodies that were in the archive's queue before
 */
export function reconcileArchive(
  published: readonly TestMessage[],
  waiting: readonly string[],
  { messages, problems }: Archived,
  { missing, unexpected }: Differences,
): void {
  const consumer = ARCHIVE;
  const copies = Map.groupBy(published, textOf);
  for (const [text, [message, ...more]] of copies) {
    const found = messages.get(text)?.size ?? 0;
    const expected = 1 + more.length;
    if (!message || found >= expected) continue;
    const problem = `${found} ${plural(found, 'time')} in the archive as it was published, ${expected} expected`;
    missing.push({ consumer, id: message.id, problem });
  }
  const earlier = new Set(waiting);
  for (const text of messages.keys()) {
    if (copies.has(text) || earlier.has(JSON.parse(text)[0])) continue;
    unexpected.push({ consumer, problem: `a message that was not published: ${text.slice(0, 80)}` });
  }
  for (const problem of problems) unexpected.push({ consumer, problem });
}

/** Body and attributes as one text: what the archive knows a message by. */
export function textOf({ body, attributes }: Pick<TestMessage, 'body' | 'attributes'>): string {
  const values = Object.entries(attributes)
    .map(([name, { DataType, StringValue, BinaryValue }]: [string, MessageAttributeValue]) => [
      name,
      DataType,
      StringValue ?? Buffer.from(BinaryValue ?? []).toString('base64'),
    ])
    .sort();
  return JSON.stringify([body, values]);
}
