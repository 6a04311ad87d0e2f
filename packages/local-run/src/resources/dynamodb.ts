import { setTimeout as pause } from 'node:timers/promises';
import { CreateTableCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { ACCOUNT, REGION } from '../client/account.ts';
import type { Json } from '../protocol/json.ts';
import { type Create, physicalName } from './deployment.ts';

/**
 * A table, or of a global one the replica in the region of the run. Its capacity is unlimited, whatever the template says of
 * that. One that is there already is kept as it is.
 */
export const createTable: Create = async (logicalId, properties, deployment) => {
  const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes, LocalSecondaryIndexes } = properties;
  const { dynamodb } = deployment;
  const TableName = physicalName(logicalId, properties.TableName, deployment);
  const table = {
    TableName,
    KeySchema,
    AttributeDefinitions,
    GlobalSecondaryIndexes: GlobalSecondaryIndexes?.map(({ IndexName, KeySchema, Projection }: Json) => ({
      IndexName,
      KeySchema,
      Projection,
    })),
    LocalSecondaryIndexes,
    BillingMode: 'PAY_PER_REQUEST' as const,
  };
  await dynamodb.send(new CreateTableCommand(table)).catch((error: Error) => {
    if (error.name !== 'ResourceInUseException') throw error;
  });
  while ((await dynamodb.send(new DescribeTableCommand({ TableName }))).Table?.TableStatus !== 'ACTIVE') {
    await pause(5);
  }
  return { ref: TableName, attributes: { Arn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${TableName}` } };
};
