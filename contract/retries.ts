/** When something that failed is tried again, and how many tries of a message outlast a dependency that is down. */

export interface Backoff {
  /** The delay after the first try, doubled with each further one. */
  readonly first: number;
  /** @default no limit */
  readonly longest?: number;
  /**
   * Which share of the delay is certain; the rest is random, so that what failed together does not come back together. 0 spreads
   * tries the most ("full jitter"), 0.5 also makes sure that a wait lasts ("equal jitter").
   * @default 0
   */
  readonly certain?: number;
}

/**
 * How long to wait for the next try, in the unit of `backoff`.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 * @param tries how often it was tried, at least once
 * @returns a whole number
 */
export function backoffDelay(tries: number, backoff: Backoff, random = Math.random): number {
  const { certain = 0 } = backoff;
  return Math.round(longestDelay(tries, backoff) * (certain + (1 - certain) * random()));
}

/** Of messages, in seconds. */
const MESSAGES = { first: 20, longest: 900, certain: 0.5 };
/** Lambda's advice: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html */
const LEAST_TRIES = 5;

/** Seconds that a message waits for its next try. */
export function retryDelay(tries: number, random = Math.random): number {
  return backoffDelay(tries, MESSAGES, random);
}

/** The shortest time from the first of so many tries to the last; the longest is twice that, and what the tries take. */
export function shortestTimeOf(tries: number): number {
  let time = 0;
  for (let made = 1; made < tries; made += 1) time += longestDelay(made, MESSAGES) * MESSAGES.certain;
  return time;
}

/** The fewest tries between whose first and last a dependency may be down for so long, whatever the draws of the delays. */
export function triesToOutlast(seconds: number): number {
  let tries = LEAST_TRIES;
  while (shortestTimeOf(tries) < seconds) tries += 1;
  return tries;
}

function longestDelay(tries: number, { first, longest = Number.POSITIVE_INFINITY }: Backoff): number {
  return Math.min(longest, first * 2 ** (tries - 1));
}
