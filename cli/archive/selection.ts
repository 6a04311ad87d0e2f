/** Which messages of the archive are selected, and how they are sent. */
import type { ArchivedMessage } from '../../contract/archive.ts';
import { toRequest } from '../../contract/dead-letter.ts';
import type { OutgoingMessage } from '../publishing/batches.ts';

export interface ArchiveFilter {
  /** Only those of this order. */
  readonly order?: string | undefined;
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
  { order, type }: ArchiveFilter,
): ArchivedOutgoing | undefined {
  const { body, messageId, groupId } = message;
  // Most messages are about other orders: no need to parse them.
  if (order !== undefined && !body.includes(order)) return undefined;
  const { orderId, eventType } = namesIn(body);
  if (order !== undefined && orderId !== order) return undefined;
  if (type !== undefined && eventType !== type) return undefined;
  return { messageId, body, attributes: toRequest(message.attributes), groupId, orderId, eventType };
}

function namesIn(body: string): { orderId: string | undefined; eventType: string | undefined } {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  try {
    const { orderId, eventType } = JSON.parse(body) ?? {};
    return { orderId: text(orderId), eventType: text(eventType) };
  } catch {
    return { orderId: undefined, eventType: undefined };
  }
}
