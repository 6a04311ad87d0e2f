/** The verbs that only orders need: the command line takes them from here, as `#verbs`, and lists them under "Data". */
import type { Verb } from '../../cli/commands/verb.ts';

export const verbs: readonly Verb[] = [
  ['stock', 'list, add to or set the stock', () => import('./stock.ts')],
];
