// A queue and its consumer, minute by minute: what its messages do, and what SQS and the consumer report of them.
//
// Messages of one minute are one cohort, spread evenly over it, and are served in the order in which they came: the age of the
// oldest one is read off the cumulative arrivals. So a day costs 1,440 steps, whatever its traffic. While a dependency is
// away every message is received at once, fails, and is received again after its backoff.

import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** What happens to a queue. Minutes count from 0; loads and speeds are in shares of the consumer's capacity. */
export interface Traffic {
  /** Mean of the messages that come within a minute. */
  load(minute: number): number;
  /** Minutes of full work that come all at once. @default - none */
  burst?(minute: number): number;
  /** How fast the consumer is. @default 1 */
  speed?(minute: number): number;
  /** Whether what the consumer needs is away. @default - never */
  outage?(minute: number): boolean;
}

/** One minute of a queue, at its end. */
export interface QueueMinute {
  /** ApproximateAgeOfOldestMessage, in seconds: without what was received three times or more. */
  readonly age: number;
  /** Age of the oldest message that is not processed, in seconds. */
  readonly trueAge: number;
  readonly visible: number;
  readonly inFlight: number;
  /** Tries that failed within the minute. */
  readonly retried: number;
}

/**
 * Messages a minute that the consumer can do. Few, because chance weighs the more the fewer there are: ten invocations of ten
 * messages each in 50 ms would do 120,000, and a load of 100 % would not show in days what it does here in hours.
 */
const CAPACITY = 60;
/** Messages that a busy consumer has in flight: a tenth of what ten batches of ten would be, as is the capacity. */
const IN_FLIGHT = 10;
/** Share of the messages whose first try fails, for reasons that are over by the second. */
const STRAY_FAILURES = 0.002;
/** Minutes from the first try to each further one: 20 s, doubled each time, a quarter of it off on average, at most 15 min. */
const TRIES = [0, 0.25, 0.75, 1.75, 3.75, 7.75];
const LAST_BACKOFF = 11.25;
/** Minutes that the queue keeps a message. */
const RETENTION = 4 * 1_440;
/** Seconds after which a failing message was received three times, and leaves the age metric. */
const HIDDEN_AFTER = 45;

interface Cohort {
  readonly arrived: number;
  readonly count: number;
  left: number;
}

/** The minutes of so many days, the same for the same seed. */
export function* minutesOf(traffic: Traffic, days: number, seed: number): Generator<QueueMinute> {
  const random = xoroshiro128plus(seed);
  const waiting: Cohort[] = [];
  const failing: Cohort[] = [];
  for (let minute = 0; minute < days * 1_440; minute += 1) {
    const count =
      poisson(traffic.load(minute) * CAPACITY) + Math.round((traffic.burst?.(minute) ?? 0) * CAPACITY);
    if (count > 0) waiting.push({ arrived: minute, count, left: count });
    const isOut = traffic.outage?.(minute) ?? false;
    if (isOut) failing.push(...waiting.splice(0));
    const tried = failing.reduce(
      (sum, cohort) => sum + cohort.left * triesWithin(minute - cohort.arrived),
      0,
    );
    const free = isOut ? 0 : CAPACITY * (traffic.speed?.(minute) ?? 1);
    // What was received three times or more is at the back of the queue.
    const due = failing.filter((cohort) => triesWithin(minute - cohort.arrived) > 0);
    serve(due, serve(waiting, free));
    if (!isOut) failing.splice(0, failing.length, ...failing.filter(({ left }) => left > 0));
    while (waiting[0] && (waiting[0].left === 0 || minute - waiting[0].arrived >= RETENTION)) waiting.shift();
    const backlog = total(waiting);
    const inFlight = Math.min(backlog, free > 0 ? IN_FLIGHT : 0);
    const age = ageOf(waiting[0], minute);
    yield {
      age: isOut && count > 0 ? Math.max(age, HIDDEN_AFTER) : age,
      trueAge: Math.max(age, ageOf(failing[0], minute)),
      visible: backlog - inFlight,
      inFlight: inFlight + total(failing),
      retried: isOut ? tried : poisson(count * STRAY_FAILURES),
    };
  }

  function poisson(mean: number): number {
    const end = Math.exp(-mean);
    let count = -1;
    for (let product = 1; product > end; product *= uniformFloat64(random)) count += 1;
    return Math.max(0, count);
  }
}

/** Serves the oldest first. @returns how much capacity is left */
function serve(cohorts: Cohort[], capacity: number): number {
  let free = capacity;
  for (const cohort of cohorts) {
    if (free === 0) break;
    const served = Math.min(cohort.left, free);
    cohort.left -= served;
    free -= served;
  }
  return free;
}

/** How often messages are tried in the minute that begins so long after they came. */
function triesWithin(since: number): number {
  const last = TRIES.at(-1) ?? 0;
  if (since <= last) return TRIES.filter((at) => at >= since && at < since + 1).length;
  return Math.floor((since + 1 - last) / LAST_BACKOFF) - Math.floor((since - last) / LAST_BACKOFF);
}

const total = (cohorts: Cohort[]) => cohorts.reduce((sum, { left }) => sum + left, 0);

/** Age of a cohort's oldest message at the end of a minute, in seconds. */
function ageOf(cohort: Cohort | undefined, minute: number): number {
  return cohort
    ? Math.round((minute + 1 - cohort.arrived - (cohort.count - cohort.left) / cohort.count) * 60)
    : 0;
}
