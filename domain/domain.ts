/** The door to all that the project knows of orders: lib, cli and scenarios import this as `#domain`, and nothing else of it. */
import type { Domain } from '../contract/domain.ts';
import { orderEndState } from './end-state.ts';
import { orderEvents } from './events.ts';
import { testOrders } from './test-orders.ts';

export const domain = {
  program: 'npm run orders --',
  plural: 'orders',
  stackName: 'OrderFanOut',
  title: 'Order fan-out',
  service: 'order-fan-out',
  topic: 'orders',
  events: orderEvents,
  testEvents: testOrders,
  endState: orderEndState,
} satisfies Domain;
