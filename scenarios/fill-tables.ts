import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { marshall } from '@aws-sdk/util-dynamodb';
import { domain } from '#domain';
import type { Clients } from '../cli/aws/clients.ts';
import type { StackHandles } from '../cli/aws/stack.ts';
import type { Domain } from '../contract/domain.ts';

/** Puts into tables and buckets what has to be there before the first event, unless a kept state already has it. */
export async function fillTables(
  { dynamodb, s3 }: Pick<Clients, 'dynamodb' | 's3'>,
  stack: StackHandles,
): Promise<void> {
  const { endState }: Domain = domain;
  const tables = stack.consumers.flatMap((consumer) => Object.entries(consumer.tables));
  for (const [id, { name: TableName, partitionKey }] of tables) {
    for (const item of endState?.initial?.[id] ?? []) {
      const put = { TableName, Item: marshall(item), ConditionExpression: 'attribute_not_exists(#key)' };
      await dynamodb
        .send(new PutItemCommand({ ...put, ExpressionAttributeNames: { '#key': partitionKey } }))
        .catch((error: Error) => {
          if (error.name !== 'ConditionalCheckFailedException') throw error;
        });
    }
  }
  const buckets = stack.consumers.flatMap((consumer) => Object.entries(consumer.buckets));
  for (const [id, { name: Bucket }] of buckets) {
    for (const [Key, Body] of Object.entries(endState?.initialObjects?.[id] ?? {})) {
      await s3.send(new PutObjectCommand({ Bucket, Key, Body }));
    }
  }
}
