/** What orders are called. The command line's `--help` imports this as `#words`, without the schemas, which take longer to load. */
import type { Words } from '../contract/domain.ts';

export const words = {
  program: 'npm run orders --',
  title: 'Order fan-out',
  noun: 'order',
  plural: 'orders',
  idField: 'orderId',
  consumer: 'billing',
} as const satisfies Words;
