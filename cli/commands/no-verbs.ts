/** For domains that bring no verbs along: what `#verbs` in package.json leads to there. */
import type { Verb } from './verb.ts';

export const verbs: readonly Verb[] = [];
