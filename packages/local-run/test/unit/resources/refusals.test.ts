// What the emulators would take in and do nothing about is refused by name, not left out.
import { expect, test } from '@jest/globals';
import type { Create, Deployment } from '../../../src/resources/deployment.ts';
import { createEventSourceMapping } from '../../../src/resources/lambda.ts';
import { createSubscription, createTopic } from '../../../src/resources/sns.ts';

const ARN = 'arn:aws:sns:us-east-1:000000000000:orders';
const subscription = { TopicArn: ARN, Protocol: 'sqs', Endpoint: 'arn:aws:sqs:us-east-1:000000000000:q' };
const unknown = (name: string) => `It: the local run does not know ${name}`;

test.each<[what: string, create: Create, properties: object, problem: string]>([
  ['an archive of a topic', createTopic, { ArchivePolicy: {} }, unknown('ArchivePolicy')],
  ['a replay', createSubscription, { ...subscription, ReplayPolicy: {} }, unknown('ReplayPolicy')],
  [
    'a filter on bodies',
    createSubscription,
    { ...subscription, FilterPolicyScope: 'MessageBody' },
    unknown('FilterPolicyScope'),
  ],
  ['a filter of a mapping', createEventSourceMapping, { FilterCriteria: {} }, unknown('FilterCriteria')],
  [
    'a mapping that is off',
    createEventSourceMapping,
    { Enabled: false },
    'It: the local run begins with mappings that are on',
  ],
  [
    'a FIFO queue behind a standard topic',
    createSubscription,
    { ...subscription, Endpoint: `${subscription.Endpoint}.fifo` },
    `It: a FIFO queue cannot be subscribed to the standard topic ${ARN}`,
  ],
])('%s is refused', async (_, create, properties, problem) => {
  await expect(create('It', properties, {} as Deployment)).rejects.toThrow(problem);
});
