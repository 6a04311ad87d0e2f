/** The seeds used on a kept state: another run with the same seed would publish different events under the same IDs, which are refused. */
import fs from 'node:fs';
import path from 'node:path';
import { NOUNS } from '../../cli/terminal/words.ts';

const FILE = 'seeds.json';

/**
 * Chooses the seed of a run on a kept state; `noteSeed` has to follow before its events are published.
 * @param directory folder of the state
 * @param isChosen whether the user named the seed; otherwise the next free one is taken
 * @throws Error for a seed that was chosen and published there before
 */
export function chooseSeed(directory: string, seed: number, isChosen: boolean): number {
  const file = path.join(directory, FILE);
  const used = readSeeds(file);
  if (isChosen && used.includes(seed)) {
    throw new Error(
      `the ${NOUNS} of seed ${seed} were published to the state in ${directory} before: choose another --seed, or remove that folder`,
    );
  }
  let free = seed;
  while (used.includes(free)) free = (free + 1) % 2 ** 32;
  return free;
}

/** Notes the seed of a run whose events are about to be published. */
export function noteSeed(directory: string, seed: number): void {
  const file = path.join(directory, FILE);
  fs.writeFileSync(`${file}.new`, JSON.stringify([...readSeeds(file), seed]));
  fs.renameSync(`${file}.new`, file);
}

function readSeeds(file: string): number[] {
  if (!fs.existsSync(file)) return [];
  try {
    const seeds = JSON.parse(fs.readFileSync(file, 'utf8'));
    if (Array.isArray(seeds) && seeds.every(Number.isInteger)) return seeds;
  } catch {
    // Said below.
  }
  throw new Error(`${file} is not what npm start writes: remove the folder, and start anew`);
}
