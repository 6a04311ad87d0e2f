/**
 * Records per second of one batch, by its size: `node bench/batch.ts`. Billing's handler, over the real SDK and HTTP, puts into
 * the local DynamoDB, which is most of the time; only the ratios carry over to Lambda. Logs and metrics are off.
 */
import { CreateTableCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { Context, SQSRecord } from 'aws-lambda';
import { generateOrders } from '../cli/orders/test-orders.ts';
import { Emulators } from '../local/server/emulators.ts';

/** So many batches of each size, so that small ones are measured about as long as large ones. */
const BATCHES = [
  { size: 10, batches: 100 },
  { size: 100, batches: 10 },
  { size: 1_000, batches: 2 },
  { size: 10_000, batches: 1 },
];
const TABLE = 'invoices';
/** Enough for the largest batch: what is measured is the work, not the time limit. */
const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 600_000 } as Context;

const emulators = await Emulators.start({ port: 0 });
Object.assign(process.env, {
  AWS_ENDPOINT_URL: emulators.endpoint,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  QUEUE_URL: `${emulators.endpoint}/000000000000/queue`,
  DEAD_LETTER_QUEUE_URL: `${emulators.endpoint}/000000000000/dead-letters`,
  MAX_RECEIVE_COUNT: '5',
  POWERTOOLS_SERVICE_NAME: 'bench',
  POWERTOOLS_METRICS_NAMESPACE: 'OrderFanOut',
  POWERTOOLS_METRICS_DISABLED: 'true',
  POWERTOOLS_LOG_LEVEL: 'SILENT',
  INVOICES_TABLE: TABLE,
});
const dynamodb = new DynamoDBClient();
await dynamodb.send(
  new CreateTableCommand({
    TableName: TABLE,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'orderId', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'orderId', KeyType: 'HASH' }],
  }),
);
// Not before: it reads the environment.
const { handler } = await import('../lambda/billing/handler.ts');
let seed = 0;
let expected = 0;
try {
  await measure(500, 1); // Warms up.
  const rows: { size: number; 'records/s': number; failures: number }[] = [];
  for (const { size, batches } of BATCHES) {
    const { seconds, failures } = await measure(size, batches);
    rows.push({ size, 'records/s': Math.round((size * batches) / seconds), failures });
  }
  const [first] = rows;
  console.table(
    rows.map((row) => ({
      ...row,
      'of 10': Number((row['records/s'] / (first?.['records/s'] ?? 1)).toFixed(2)),
    })),
  );
  const stored = await countItems();
  if (stored !== expected) throw new Error(`${stored} invoices of ${expected} orders`);
  if (rows.some(({ failures }) => failures > 0)) throw new Error('some records failed');
} finally {
  dynamodb.destroy();
  await emulators.stop();
}

/** Seconds that so many batches take, one after the other, each of orders that nobody has seen. */
async function measure(size: number, batches: number): Promise<{ seconds: number; failures: number }> {
  let seconds = 0;
  let failures = 0;
  for (let batch = 0; batch < batches; batch++) {
    const Records = Array.from(generateOrders({ count: size, seed: ++seed }), ({ body }, index) =>
      record(`${seed}-${index}`, body),
    );
    const start = performance.now();
    const { batchItemFailures } = await handler({ Records }, context);
    seconds += (performance.now() - start) / 1000;
    failures += batchItemFailures.length;
    expected += size;
  }
  return { seconds, failures };
}

function record(messageId: string, body: string): SQSRecord {
  return {
    messageId,
    body,
    receiptHandle: messageId,
    attributes: { ApproximateReceiveCount: '1' },
    messageAttributes: {},
    eventSource: 'aws:sqs',
  } as unknown as SQSRecord;
}

async function countItems(): Promise<number> {
  let count = 0;
  let ExclusiveStartKey: Record<string, { S: string }> | undefined;
  do {
    const page = await dynamodb.send(
      new ScanCommand({ TableName: TABLE, Select: 'COUNT', ExclusiveStartKey }),
    );
    count += page.Count ?? 0;
    ExclusiveStartKey = page.LastEvaluatedKey as typeof ExclusiveStartKey;
  } while (ExclusiveStartKey);
  return count;
}
