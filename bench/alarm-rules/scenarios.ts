// What can happen to a queue, for the rules to be held against.
import type { Traffic } from './traffic.ts';

const HOUR = 60;
const DAY = 1_440;
const START = 3 * HOUR;
const steady = (load: number): Traffic => ({ load: () => load });
/** So many minutes of each day. */
const daily = (minutes: number) => (minute: number) =>
  minute % DAY >= START && minute % DAY < START + minutes;
const busyFor = (minutes: number): Traffic => ({ load: (minute) => (daily(minutes)(minute) ? 1.5 : 0.5) });
const since = (minute: number) => minute >= START;
const oneAMinute = (minute: number) => (since(minute) ? 1 / 60 : 1);

/** In these nobody has to do anything. */
export const HARMLESS = {
  '50 %': steady(0.5),
  '95 %': steady(0.95),
  '3 times as much for 5 minutes': busyFor(5),
  '3 times as much for 11 minutes': busyFor(11),
  'a dependency away for 2 minutes': { load: () => 0.5, outage: daily(2) },
} satisfies Record<string, Traffic>;

/** In these messages wait for longer than they should. Where nothing else is said, the load is 50 %. */
export const HARMFUL = {
  '3 times as much for 20 minutes': busyFor(20),
  'the orders of an hour at once': {
    load: () => 0.5,
    burst: (minute) => (minute % DAY === START ? 0.5 * HOUR : 0),
  },
  '100 %': steady(1),
  '100 %, behind by half an hour': { load: () => 1, burst: (minute) => (minute === START ? 0.5 * HOUR : 0) },
  '105 %': steady(1.05),
  'a stalled consumer': { load: () => 0.5, speed: (minute) => (since(minute) ? 0 : 1) },
  'one message a minute': { load: () => 0.5, speed: oneAMinute },
  'one message a minute, nothing new': {
    load: (minute) => (since(minute) ? 0 : 0.5),
    burst: (minute) => (minute === START ? 3 * HOUR : 0),
    speed: oneAMinute,
  },
  'a dependency away for 2 hours': { load: () => 0.5, outage: daily(2 * HOUR) },
  'the same with a message in 2 minutes': { load: () => 0.5 / 60, outage: daily(2 * HOUR) },
} satisfies Record<string, Traffic>;
