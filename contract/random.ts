/** Random choices that a seed repeats. */
import { uniformFloat32 } from 'pure-rand/distribution/uniformFloat32';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { skipN } from 'pure-rand/utils/skipN';

/** Numbers from 0 up to 1. */
export type Random = () => number;

/** A separate source for each thing made, so that none depends on the number of others. */
export function randomOf(seed: number, purpose: string, index: number): Random {
  let state = seed;
  for (const char of `${purpose} ${index}`) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193);
  const generator = xoroshiro128plus(state);
  // Neighbouring states give similar numbers at first.
  skipN(generator, 16);
  return () => uniformFloat32(generator);
}

export function pick<T>(items: readonly T[], random: Random): T {
  return at(items, Math.floor(random() * items.length));
}

/** An index into `items`, each as likely as its weight. */
export function weighted<T>(items: readonly T[], weight: (item: T) => number, random: Random): number {
  let left = random() * items.reduce((all, item) => all + weight(item), 0);
  const index = items.findIndex((item) => {
    left -= weight(item);
    return left < 0;
  });
  return index === -1 ? items.length - 1 : index;
}

export function shuffled<T>(items: Iterable<T>, random: Random): T[] {
  return Array.from(items, (item) => ({ item, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

export function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no element ${index} among ${items.length}`);
  return item;
}
