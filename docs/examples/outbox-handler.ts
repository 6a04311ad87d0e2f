import { SNSClient } from '@aws-sdk/client-sns';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { publishRows } from './outbox.ts';

const topicArn = process.env.ORDERS_TOPIC_ARN;
if (!topicArn) throw new Error('ORDERS_TOPIC_ARN is not set');
const sns = new SNSClient({});

export const handler = (event: DynamoDBStreamEvent) => publishRows(event, { sns, topicArn });
