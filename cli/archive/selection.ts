/** Which messages of the archive are meant, and as what they are sent. */
import type { ArchivedMessage } from '../../contract/archive.ts';
import { toRequest } from '../../contract/dead-letter.ts';
import type { OutgoingMessage } from '../publishing/batches.ts';

/** What narrows down the messages of a span. */
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
  /** That its body names, whether or not it is an event. */
  readonly eventType: string | undefined;
}

/** The message as it is sent again; undefined where the filter leaves it out. */
export function outgoing(
  message: ArchivedMessage,
  { order, type }: ArchiveFilter,
): ArchivedOutgoing | undefined {
  const { body, messageId, groupId } = message;
  // Most of an archive is of other orders, and needs no parser to tell.
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
