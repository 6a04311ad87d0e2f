/** A shop that keeps orders in a DynamoDB table of its own, and publishes each of them through an outbox: docs/publish.md. */
import { type DynamoDBClient, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { orderEvents } from '../../domain/events.ts';
import { ORDER_PLACED, type Order } from '../../domain/order.ts';

/** How long a row outlives its publication: long enough to publish it by hand, should the stream give up on it. */
const ROW_DAYS = 14;

export interface ShopTables {
  readonly orders: string;
  /** Key `orderId`, a stream of new images, time to live by `expiresAt`. */
  readonly outbox: string;
}

/**
 * Writes an order and the row that announces it, or neither.
 * @throws Error for what the contract refuses, and what DynamoDB refuses: an order that is there already, for one
 */
export async function placeOrder(dynamodb: DynamoDBClient, tables: ShopTables, order: Order): Promise<void> {
  // Nothing that no consumer would take gets into the outbox.
  const checked = orderEvents.check(order, [ORDER_PLACED]);
  if ('problems' in checked) throw new Error(`not an order: ${JSON.stringify(checked.problems)}`);

  const orderId = { S: order.orderId };
  const expiresAt = { N: String(Math.floor(Date.now() / 1000) + ROW_DAYS * 24 * 60 * 60) };
  await dynamodb.send(
    new TransactWriteItemsCommand({
      TransactItems: [
        {
          Put: {
            TableName: tables.orders,
            Item: { orderId, status: { S: 'PLACED' }, customerId: { S: order.customerId } },
            ConditionExpression: 'attribute_not_exists(orderId)',
          },
        },
        {
          Put: {
            TableName: tables.outbox,
            Item: { orderId, message: { S: JSON.stringify(order) }, expiresAt },
          },
        },
      ],
    }),
  );
}

/**
 * Publishes the rows that a batch of the outbox's stream brings, in its order.
 *
 * It stops at the first that fails and names it; Lambda then comes back with that one and all after it. A row is published
 * at least once: a crash after the publish brings it again.
 */
export async function publishRows(
  event: DynamoDBStreamEvent,
  { sns, topicArn }: { sns: SNSClient; topicArn: string },
): Promise<DynamoDBBatchResponse> {
  for (const record of event.Records) {
    // The expiry of a row is a record of the stream, too.
    if (record.eventName !== 'INSERT') continue;
    try {
      await sns.send(new PublishCommand({ TopicArn: topicArn, ...messageOf(record) }));
    } catch (error) {
      console.error(JSON.stringify({ keys: record.dynamodb?.Keys, error: String(error) }));
      return { batchItemFailures: [{ itemIdentifier: record.dynamodb?.SequenceNumber ?? '' }] };
    }
  }
  return { batchItemFailures: [] };
}

/** The row's order as it is, and the attributes without which no subscription takes it. */
function messageOf({ dynamodb }: DynamoDBRecord) {
  const message = dynamodb?.NewImage?.message?.S ?? '';
  return { Message: message, MessageAttributes: orderEvents.attributesOf(JSON.parse(message)) };
}
