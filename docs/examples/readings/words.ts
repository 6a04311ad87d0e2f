import type { Words } from '../../../contract/domain.ts';

export const words = {
  program: 'npm run orders -- --domain readings',
  title: 'Reading fan-out',
  noun: 'reading',
  plural: 'readings',
  idField: 'readingId',
  consumer: 'analytics',
  condition: 'readings',
} as const satisfies Words;
