/** The message group of an event, and its deduplication ID. */
import { createHash } from 'node:crypto';
import { domain } from '#domain';
import { ID } from '../../contract/ids.ts';
import { GROUP } from '../terminal/words.ts';
import type { OutgoingMessage } from './batches.ts';

/** Group of messages that name none: they are no events, and become dead letters. */
const NO_GROUP = `no-${GROUP}`;

/** The group that the body names; never the event's ID, which would be a group of its own. */
export function groupOf({ body }: Pick<OutgoingMessage, 'body'>): string {
  const group = groupIn(body);
  return typeof group === 'string' && ID.pattern.test(group) ? group : NO_GROUP;
}

/**
 * By which a FIFO topic recognizes a copy within five minutes: ID, event type and a digest of the body. Without the digest SNS would
 * accept another event under the same ID and drop it, where it has to become a dead letter. At most 128 characters without blanks:
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
export function deduplicationId({ body, attributes, id = '' }: OutgoingMessage): string {
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 32);
  const eventType = attributes.eventType?.StringValue ?? '';
  return [id, eventType, digest]
    .filter((part) => /^[\w.-]{1,64}$/.test(part))
    .join(':')
    .slice(-128);
}

function groupIn(body: string): unknown {
  try {
    return JSON.parse(body)?.[domain.events.settings.groupField];
  } catch {
    return undefined;
  }
}
