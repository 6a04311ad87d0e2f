/** The door to all that the project knows of orders: lib, cli and scenarios import this as `#domain`, and nothing else of it. */
import type { DomainOf } from '../contract/domain.ts';
import { orderEndState } from './end-state.ts';
import { orderEvents } from './events.ts';
import { testOrders } from './test-orders.ts';
import { words } from './words.ts';

export const domain: DomainOf<typeof orderEvents> = {
  ...words,
  stackName: 'OrderFanOut',
  service: 'order-fan-out',
  topic: 'orders',
  events: orderEvents,
  testEvents: testOrders,
  endState: orderEndState,
};
