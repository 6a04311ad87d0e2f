/** Which messages of the archive are selected, and how they are sent. */

import { domain } from '#domain';
import type { ArchivedMessage } from '../../contract/archive.ts';
import { toRequest } from '../../contract/dead-letter.ts';
import type { OutgoingMessage } from '../publishing/batches.ts';

export interface ArchiveFilter {
  /** Only those with this ID. */
  readonly id?: string | undefined;
  /** Only those of this event type. */
  readonly type?: string | undefined;
}

/** A message as it was published, with its place in its group. */
export interface ArchivedOutgoing extends OutgoingMessage {
  readonly messageId: string;
  readonly groupId: string | undefined;
  /** As named in the body, valid event or not. */
  readonly eventType: string | undefined;
}

/** The message to send again; undefined where the filter rejects it. */
export function outgoing(
  message: ArchivedMessage,
  { id: wanted, type }: ArchiveFilter,
): ArchivedOutgoing | undefined {
  const { body, messageId, groupId } = message;
  // Most messages have another ID: no need to parse them.
  if (wanted !== undefined && !body.includes(wanted)) return undefined;
  const { id, eventType } = namesIn(body);
  if (wanted !== undefined && id !== wanted) return undefined;
  if (type !== undefined && eventType !== type) return undefined;
  return { messageId, body, attributes: toRequest(message.attributes), groupId, id, eventType };
}

function namesIn(body: string): { id: string | undefined; eventType: string | undefined } {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  try {
    const value = JSON.parse(body) ?? {};
    return { id: text(value[domain.events.settings.idField]), eventType: text(value.eventType) };
  } catch {
    return { id: undefined, eventType: undefined };
  }
}
