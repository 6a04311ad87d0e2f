/** The message group of a customer's orders, and their deduplication ID. */
import { createHash } from 'node:crypto';
import { ID } from '../../contract/ids.ts';
import type { OutgoingMessage } from './batches.ts';

/** Group of messages without a customer: they are not orders, and become dead letters. */
const NO_CUSTOMER = 'no-customer';

/** The customer, as the message group of a message; never the order, which would be a group of its own. */
export function customerGroup({ body }: Pick<OutgoingMessage, 'body'>): string {
  const customer = customerIn(body);
  return typeof customer === 'string' && ID.pattern.test(customer) ? customer : NO_CUSTOMER;
}

/**
 * By which a FIFO topic recognizes a copy within five minutes: order, event type and a digest of the body. Without the digest SNS would
 * accept another order under the same ID and drop it, where it has to become a dead letter. At most 128 characters without blanks:
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
export function deduplicationId({ body, attributes, orderId = '' }: OutgoingMessage): string {
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 32);
  const eventType = attributes.eventType?.StringValue ?? '';
  return [orderId, eventType, digest]
    .filter((part) => /^[\w.-]{1,64}$/.test(part))
    .join(':')
    .slice(-128);
}

function customerIn(body: string): unknown {
  try {
    return JSON.parse(body)?.customerId;
  } catch {
    return undefined;
  }
}
