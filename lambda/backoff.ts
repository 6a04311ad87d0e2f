/**
 * Full jitter: a random delay between 0 and `base` doubled with each failed attempt, at most `cap`. Spread evenly, the
 * retries of a whole batch do not come back together.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 * @param attempt the attempt that failed, counted from 1; `base` and `cap` have the unit of the result
 */
export function fullJitter(attempt: number, base: number, cap: number, random = Math.random): number {
  return Math.floor(random() * (Math.min(cap, base * 2 ** (attempt - 1)) + 1));
}
