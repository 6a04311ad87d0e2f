/** What the topic carries: the message attributes `eventType` and `schemaVersion` of each message. */
export const ORDER_PLACED = 'order.placed';
export const SCHEMA_VERSION = 1;
