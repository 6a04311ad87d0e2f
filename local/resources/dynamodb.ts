import { setTimeout as pause } from 'node:timers/promises';
import { CreateTableCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { ACCOUNT, REGION } from '../account.ts';
import { type Create, physicalName } from './deployment.ts';

export const createTable: Create = async (logicalId, properties, deployment) => {
  const { dynamodb } = deployment;
  const TableName = physicalName(logicalId, properties.TableName, deployment);
  const { KeySchema, AttributeDefinitions, BillingMode, ProvisionedThroughput, GlobalSecondaryIndexes } =
    properties;
  await dynamodb
    .send(
      new CreateTableCommand({
        TableName,
        KeySchema,
        AttributeDefinitions,
        BillingMode,
        ProvisionedThroughput,
        GlobalSecondaryIndexes,
      }),
    )
    .catch((error: Error) => {
      if (error.name !== 'ResourceInUseException') throw error;
    });
  while ((await dynamodb.send(new DescribeTableCommand({ TableName }))).Table?.TableStatus !== 'ACTIVE') {
    await pause(5);
  }
  return { ref: TableName, attributes: { Arn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${TableName}` } };
};
