/**
 * Records per second of one batch, by its size: `node bench/batch.ts [size …]`. Billing's handler, over the real SDK and HTTP, puts
 * into the local DynamoDB, which is most of the time; only the ratios carry over to Lambda. Logs and metrics are off.
 */
import { CreateTableCommand, DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { Emulators } from '@order-fan-out/local-run/server/emulators';
import { consumers } from '#config';
import { domain } from '#domain';
import { generateEvents } from '../cli/publishing/test-events.ts';
import { functionEnvironment } from '../test/fixtures/function-environment.ts';
import { lambdaContext, sqsRecord } from '../test/fixtures/test-queues.ts';

const [TABLE = ''] = Object.keys(consumers.billing.tables);
const KEY = domain.events.settings.idField;
/** Small batches are measured about as long as large ones. */
const RECORDS = 1_000;
/** Enough for the largest batch: what is measured is the work, not the time limit. */
const context = lambdaContext(600_000);

const sizes = process.argv.slice(2).map(Number);
const emulators = await Emulators.start({ port: 0 });
Object.assign(process.env, functionEnvironment(emulators.endpoint), {
  POWERTOOLS_METRICS_DISABLED: 'true',
  POWERTOOLS_LOG_LEVEL: 'SILENT',
});
const dynamodb = new DynamoDBClient();
await dynamodb.send(
  new CreateTableCommand({
    TableName: TABLE,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: KEY, AttributeType: 'S' }],
    KeySchema: [{ AttributeName: KEY, KeyType: 'HASH' }],
  }),
);
// Not before: it reads the environment.
const { handler } = await import('../lambda/billing/handler.ts');
let seed = 0;
let expected = 0;
try {
  await measure(500); // Warms up.
  const rows = [];
  for (const size of sizes.length > 0 ? sizes : [10, 100, 1_000, 10_000]) {
    const batches = Math.max(1, RECORDS / size);
    let seconds = 0;
    for (let batch = 0; batch < batches; batch++) seconds += await measure(size);
    rows.push({ size, 'records/s': Math.round((size * batches) / seconds) });
  }
  console.table(rows);
  let stored = 0;
  for await (const { Count = 0 } of paginateScan({ client: dynamodb }, { TableName: TABLE, Select: 'COUNT' }))
    stored += Count;
  if (stored !== expected) throw new Error(`${stored} records of ${expected} events`);
} finally {
  dynamodb.destroy();
  await emulators.stop();
}

/** Seconds that a batch of new events takes. @throws where one of them fails */
async function measure(size: number): Promise<number> {
  seed += 1;
  const Records = Array.from(generateEvents({ count: size, seed }), ({ body }, index) =>
    sqsRecord({ MessageId: `${seed}-${index}`, Body: body }),
  );
  const start = performance.now();
  const { batchItemFailures } = await handler({ Records }, context);
  const seconds = (performance.now() - start) / 1000;
  if (batchItemFailures.length > 0) throw new Error(`${batchItemFailures.length} of ${size} records failed`);
  expected += size;
  return seconds;
}
