import { setTimeout as pause } from 'node:timers/promises';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { ACCOUNT, REGION } from '../client/account.ts';
import type { Json } from '../protocol/json.ts';
import type { CreatedResource } from '../template/intrinsic-functions.ts';
import { type Create, physicalName } from './deployment.ts';

export const createTable: Create = async (logicalId, properties, deployment) => {
  const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes, LocalSecondaryIndexes } = properties;
  const { BillingMode, ProvisionedThroughput } = properties;
  return createOrKeep(deployment.dynamodb, {
    TableName: physicalName(logicalId, properties.TableName, deployment),
    KeySchema,
    AttributeDefinitions,
    GlobalSecondaryIndexes,
    LocalSecondaryIndexes,
    BillingMode,
    ProvisionedThroughput,
  });
};

/** Only the replica in the region of the run. Its capacity is unlimited, whatever the template says of that. */
export const createGlobalTable: Create = async (logicalId, properties, deployment) => {
  const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes = [], LocalSecondaryIndexes } = properties;
  const indexes = GlobalSecondaryIndexes.map(({ IndexName, KeySchema, Projection }: Json) => ({
    IndexName,
    KeySchema,
    Projection,
  }));
  return createOrKeep(deployment.dynamodb, {
    TableName: physicalName(logicalId, properties.TableName, deployment),
    KeySchema,
    AttributeDefinitions,
    ...(indexes.length > 0 && { GlobalSecondaryIndexes: indexes }),
    LocalSecondaryIndexes,
    BillingMode: 'PAY_PER_REQUEST',
  });
};

async function createOrKeep(
  dynamodb: DynamoDBClient,
  table: CreateTableCommandInput,
): Promise<CreatedResource> {
  const { TableName = '' } = table;
  await dynamodb.send(new CreateTableCommand(table)).catch((error: Error) => {
    if (error.name !== 'ResourceInUseException') throw error;
  });
  while ((await dynamodb.send(new DescribeTableCommand({ TableName }))).Table?.TableStatus !== 'ACTIVE') {
    await pause(5);
  }
  return { ref: TableName, attributes: { Arn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${TableName}` } };
}
