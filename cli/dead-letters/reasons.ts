/** Dead letters by their reasons: grouped, selected, counted and in words. */
import type { LetterFilter } from '../options/letter-filter.ts';
import { count, format, hang, printable, time } from '../terminal/text.ts';
import { GROUP, NOUN } from '../terminal/words.ts';
import type { Letter } from './letter.ts';
import type { LetterQueue } from './letter-queue.ts';

interface ReasonGroup {
  readonly reason: string;
  count: number;
  first: Date;
  last: Date;
}

export const NO_REASON = 'no reason: see logs';

/** The reason to group by: without what differs from message to message. */
export function reasonOf({ reason }: Letter): string {
  if (!reason) return NO_REASON;
  const shape = reason.message
    .replace(/\b[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\b/gi, '…')
    .replace(/\b(?=\w*\d)(?=\w*[a-z])\w{12,}\b/gi, '…')
    .replace(/\b\d{5,}\b/g, '…')
    .replace(/\[\d+\]/g, '[…]')
    // The codes of a cancelled transaction, one for each of its items: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    .replace(/\[(\w+(?:, \w+)+)\]/g, (_, codes: string) => `[${distinctCodes(codes)}]`);
  return printable(shape && shape !== '-' ? `${reason.error}: ${shape}` : reason.error).replace(/\s+/g, ' ');
}

function distinctCodes(codes: string): string {
  const all = new Set(codes.split(', '));
  if (all.size > 1) all.delete('None');
  return [...all].sort().join(', ');
}

/** Counts letters by their reasons. */
export class Reasons {
  private readonly groups = new Map<string, ReasonGroup>();

  add(letter: Letter): void {
    this.count(reasonOf(letter), letter.at);
  }

  count(reason: string, at: Date): void {
    const group = this.groups.get(reason);
    if (!group) {
      this.groups.set(reason, { reason, count: 1, first: at, last: at });
      return;
    }
    group.count++;
    // An unknown time is neither earlier nor later.
    if (at < group.first || Number.isNaN(group.first.getTime())) group.first = at;
    if (at > group.last || Number.isNaN(group.last.getTime())) group.last = at;
  }

  get total(): number {
    return this.list().reduce((sum, group) => sum + group.count, 0);
  }

  /** The most frequent first. */
  list(): ReasonGroup[] {
    return Array.from(this.groups.values()).sort(
      (a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1),
    );
  }

  /** Some lines a reason. */
  describe(): string {
    const groups = this.list();
    const width = Math.max(0, ...groups.map((group) => format(group.count).length));
    return groups
      .flatMap((group) => [
        hang(`  ${format(group.count).padStart(width)}`, group.reason, width + 4),
        ' '.repeat(width + 4) +
          (group.count === 1
            ? `at ${time(group.first)}`
            : `first ${time(group.first)}, last ${time(group.last)}`),
      ])
      .join('\n');
  }
}

/** `analytics: 12 dead letters`. */
export function headline({ name, noun }: Pick<LetterQueue, 'name' | 'noun'>, letters: number): string {
  return `${name}: ${letters === 0 ? `no ${noun}s` : count(letters, noun)}`;
}

/** What to say about letters that SQS counts but did not deliver; undefined if there are none. */
export function unseenLine(
  { name, url }: Pick<LetterQueue, 'name' | 'url'>,
  unseen: number,
): string | undefined {
  if (unseen === 0) return undefined;
  const why = url.endsWith('.fifo')
    ? `which lie behind ten letters of the same ${GROUP} (redrive or purge these first), or are in somebody else's hands`
    : 'which somebody else is looking at or has just taken away';
  const text = `SQS counts about ${format(unseen)} more, ${why}. Look again in a minute.`;
  return hang(`${name}:`, text, name.length + 2);
}

/** Whether a letter is one of those asked for. */
export function letterFilter({ reason, id, since: from }: LetterFilter): (letter: Letter) => boolean {
  const wanted = reason?.toLowerCase();
  return (letter) =>
    (wanted === undefined || spellings(letter).some((each) => each.toLowerCase().includes(wanted))) &&
    (id === undefined || letter.id === id) &&
    (from === undefined || letter.at >= from);
}

/** The filter in words, ` of the reason "NotJson"`; empty where everything is meant. */
export function describeFilter({ reason, id, since: from }: LetterFilter): string {
  return [
    ...(reason === undefined ? [] : [`reason "${printable(reason)}"`]),
    ...(id === undefined ? [] : [`${NOUN} ${printable(id)}`]),
    ...(from === undefined ? [] : [`since ${time(from)}`]),
  ].join(', ');
}

function spellings(letter: Letter): string[] {
  const { reason } = letter;
  return [reasonOf(letter), ...(reason ? [`${reason.error}: ${reason.message}`] : [])];
}
