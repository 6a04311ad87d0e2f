/** Device readings, which a consumer sums up by the hour and another one raises alerts for. */
import type { Domain } from '../../../contract/domain.ts';
import { readingEndState } from './end-state.ts';
import { readingEvents } from './readings.ts';
import { testReadings } from './test-readings.ts';
import { words } from './words.ts';

export const domain = {
  ...words,
  stackName: 'ReadingFanOut',
  service: 'reading-fan-out',
  topic: 'readings',
  events: readingEvents,
  testEvents: testReadings,
  endState: readingEndState,
} satisfies Domain;
