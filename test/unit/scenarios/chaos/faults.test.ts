import { expect, test } from '@jest/globals';
import { chaosFaults, type FaultTargets } from '../../../../scenarios/chaos/faults.ts';

const nothing: FaultTargets = { isOrdered: false, isArchived: false, hasTables: false, hasBuckets: false };

/** The faults of SQS, DynamoDB and S3 that can happen to a stack. */
function possible(targets: Partial<FaultTargets>): string[] {
  const { faults } = chaosFaults([], { ...nothing, ...targets }, 1);
  return Object.keys(faults).filter((kind) => /^(duplicate|dynamodb|slow|s3)/.test(kind));
}

const ofTables = ['dynamodb-throttled', 'dynamodb-conflict', 'dynamodb-error', 'slow-call'];

test.each<[has: string, targets: Partial<FaultTargets>, kinds: string[]]>([
  ['tables', { hasTables: true }, ['duplicate-delivery', ...ofTables]],
  ['a bucket', { hasBuckets: true }, ['duplicate-delivery', 's3-error']],
  ['an archive', { isArchived: true }, ['duplicate-delivery', 's3-error']],
  ['none of these', {}, ['duplicate-delivery']],
  ['FIFO queues', { isOrdered: true, hasTables: true }, ofTables],
])('a stack with %s suffers what can happen to it', (_, targets, kinds) => {
  expect(possible(targets)).toEqual(kinds);
});
