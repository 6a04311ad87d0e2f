/** Reads, sets and changes the stock table. */
import { paginateScan, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { Clients } from '../../cli/aws/clients.ts';
import { isThrottling, isTransient } from '../../cli/aws/errors.ts';
import { CommandError } from '../../cli/terminal/command-error.ts';
import type { StockChange, StockLevel } from './stock-file.ts';

export interface StockTable extends Pick<Clients, 'dynamodb' | 'dynamodbOnce'> {
  readonly tableName: string;
}

export interface Written extends StockLevel {
  /** Undefined where the article is new. */
  readonly before: number | undefined;
}

/** The response was lost, so the change may or may not have been made. */
export class UnknownOutcome extends CommandError {}

/** By SKU. @throws whatever the SDK throws */
export async function readStock({ dynamodb, tableName: TableName }: StockTable): Promise<StockLevel[]> {
  const stock: StockLevel[] = [];
  for await (const { Items = [] } of paginateScan(
    { client: dynamodb },
    { TableName, ConsistentRead: true },
  )) {
    for (const item of Items.map((each) => unmarshall(each))) {
      stock.push({ sku: String(item.sku), available: Number(item.available) });
    }
  }
  return stock.sort((a, b) => (a.sku < b.sku ? -1 : 1));
}

/** Replaces the level. @throws whatever the SDK throws */
export async function setLevel(
  { dynamodb, tableName: TableName }: StockTable,
  { sku, available }: StockLevel,
): Promise<Written> {
  const { Attributes } = await dynamodb.send(
    new UpdateItemCommand({
      TableName,
      Key: { sku: { S: sku } },
      UpdateExpression: 'SET available = :available',
      ExpressionAttributeValues: { ':available': { N: String(available) } },
      ReturnValues: 'UPDATED_OLD',
    }),
  );
  const before = Attributes?.available?.N;
  return { sku, available, before: before === undefined ? undefined : Number(before) };
}

/**
 * Adds or removes pieces, whatever is reserved or added meanwhile. Never retried, since a second addition would count.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.AtomicCounters
 * @throws CommandError where there are fewer than are taken away; UnknownOutcome; whatever else the SDK throws
 */
export async function addPieces(
  { dynamodbOnce, tableName: TableName }: StockTable,
  { sku, add }: StockChange,
): Promise<Written> {
  const addition = new UpdateItemCommand({
    TableName,
    Key: { sku: { S: sku } },
    UpdateExpression: 'ADD available :add',
    ...(add < 0 && { ConditionExpression: 'available >= :least' }),
    ExpressionAttributeValues: {
      ':add': { N: String(add) },
      ...(add < 0 && { ':least': { N: String(-add) } }),
    },
    ReturnValues: 'UPDATED_OLD',
  });
  const { Attributes } = await dynamodbOnce.send(addition).catch((error) => {
    if (error?.name === 'ConditionalCheckFailedException') {
      throw new CommandError(`${sku}=${add}: fewer are in stock`);
    }
    if (!isTransient(error) || isThrottling(error)) throw error;
    throw new UnknownOutcome(
      `${sku}=${signed(add)}: the answer is lost (${error.name}), so it may be added or not: compare \`stock list\` with the table above before you add it again`,
    );
  });
  const before = Attributes?.available?.N;
  return {
    sku,
    available: Number(before ?? 0) + add,
    before: before === undefined ? undefined : Number(before),
  };
}

/** `+50`, `-3`. */
export function signed(pieces: number): string {
  return pieces > 0 ? `+${pieces}` : String(pieces);
}
