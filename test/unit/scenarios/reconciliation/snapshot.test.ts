import { expect, test } from '@jest/globals';
import type { ConsumerHandles } from '../../../../contract/stack-outputs.ts';
import { recordStore } from '../../../../scenarios/reconciliation/snapshot.ts';

const records = { name: 'records', partitionKey: 'orderId', holds: 'records' } as const;
const others = { name: 'others', partitionKey: 'id', holds: 'other' } as const;
const objects = { name: 'objects', prefix: 'small/', holds: 'records' } as const;

test.each<[store: string, consumers: Pick<ConsumerHandles, 'tables' | 'buckets'>[]]>([
  ['table', [{ tables: { others, records }, buckets: {} }]],
  ['bucket', [{ tables: { others }, buckets: { objects } }]],
  [
    'table or bucket',
    [
      { tables: {}, buckets: { objects } },
      { tables: { records }, buckets: {} },
    ],
  ],
])('records are in a %s', (store, consumers) => {
  expect(recordStore({ consumers: consumers as ConsumerHandles[] })).toBe(store);
});
