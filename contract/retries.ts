/** When a message that failed is tried again, and how many tries outlast a dependency that is down. Times are in seconds. */

/** The first delay, doubled with each try, up to the longest one. */
const DELAY = { first: 20, longest: 900 };
/** Lambda's advice: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html */
const LEAST_TRIES = 5;

/**
 * For how long a message waits for its next try: half of the delay for certain, the other half at random, so that a wait lasts
 * and the messages of a batch do not come back together ("equal jitter").
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 * @param tries how often it was tried, at least once
 * @returns a whole number
 */
export function retryDelay(tries: number, random = Math.random): number {
  const half = delay(tries) / 2;
  return Math.round(half + random() * half);
}

/** The shortest time from the first of so many tries to the last; the longest is twice that, and what the tries take. */
export function shortestTimeOf(tries: number): number {
  let time = 0;
  for (let made = 1; made < tries; made += 1) time += delay(made) / 2;
  return time;
}

/** The fewest tries between whose first and last a dependency may be down for so long, whatever the draws of the delays. */
export function triesToOutlast(seconds: number): number {
  let tries = LEAST_TRIES;
  while (shortestTimeOf(tries) < seconds) tries += 1;
  return tries;
}

function delay(tries: number): number {
  return Math.min(DELAY.longest, DELAY.first * 2 ** (tries - 1));
}
