/** Which dead letters to send back, decided after a look at all of them. */
import { domain } from '#domain';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import type { StackHandles } from '../aws/stack.ts';
import type { Letter } from '../dead-letters/letter.ts';
import type { LetterQueue } from '../dead-letters/letter-queue.ts';
import { type LookOptions, lookAtDeadLetters } from '../dead-letters/look.ts';
import { letterFilter, Reasons } from '../dead-letters/reasons.ts';
import type { LetterFilter } from '../options/letter-filter.ts';
import { leavesRecord } from '../outcomes/records.ts';
import { readSubscriptions } from '../outcomes/subscriptions.ts';
import type { FileProblem } from '../publishing/event-file.ts';
import { printable } from '../terminal/text.ts';
import { A_NOUN } from '../terminal/words.ts';
import type { Edit, Edits } from './edits.ts';
import type { Route } from './route.ts';

export interface Plan {
  /** IDs of the letters to send back. */
  readonly wanted: ReadonlySet<string>;
  /** IDs of all letters that are there. */
  readonly present: ReadonlySet<string>;
  readonly reasons: Reasons;
  /** One that can be processed, as far as the contract says, and leaves a record that shows it. */
  readonly canary: Letter | undefined;
  /** How many would come back, as they would be sent. */
  readonly invalid: number;
  /** About how many could not be looked at. */
  readonly unseen: number;
  /** Corrections that found their letter. */
  readonly used: ReadonlySet<Edit>;
}

/** Which letters are meant: those that pass the filter, up to the limit, or those that are corrected. */
export interface Selection {
  readonly filter: LetterFilter;
  readonly limit?: number | undefined;
  readonly edits?: Edits | undefined;
  /** What is sent in place of a letter that is not corrected. */
  readonly correct?: Route['correct'] | undefined;
  /** Why a letter would come straight back. @default it holds no valid event */
  readonly refusal?: Route['refusal'] | undefined;
  /** Who may get what is sent. @default nobody, and there is no canary */
  readonly consumers?: readonly Pick<ConsumerHandles, 'name'>[];
}

/** Looks at all letters of a queue and leaves them there. */
export async function planRedrive(
  { sqs }: Pick<Clients, 'sqs'>,
  from: LetterQueue,
  { filter, limit, edits, correct, refusal, consumers = [] }: Selection,
  options: LookOptions,
): Promise<Plan> {
  const isWanted = letterFilter(filter);
  const wanted = new Set<string>();
  const present = new Set<string>();
  const used = new Set<Edit>();
  const reasons = new Reasons();
  let canary: Letter | undefined;
  let invalid = 0;
  const visit = (letter: Letter) => {
    present.add(letter.messageId);
    const edit = edits?.for(letter);
    if (wanted.size === limit || !isWanted(letter) || (edits && !edit)) return;
    wanted.add(letter.messageId);
    reasons.add(letter);
    if (edit) used.add(edit);
    const event = domain.events.eventIn(edit?.body ?? letter.body);
    const comesBack = refusal ? refusal(letter, edit ?? correct?.(letter)) !== undefined : !event;
    if (comesBack) invalid++;
    else if (event && consumers.some(({ name }) => leavesRecord(name, event))) canary ??= letter;
  };
  const { unseen } = await lookAtDeadLetters(sqs, from.url, (message) => visit(from.read(message)), options);
  return { wanted, present, used, reasons, invalid, unseen, canary };
}

/**
 * What is wrong with corrections that are valid events: they have no letter, and were not sent back by an earlier redrive, or
 * nobody gets such events.
 */
export async function problemsOfEdits(
  { edits }: Edits,
  { used }: Plan,
  { sns }: Pick<Clients, 'sns'>,
  stack: StackHandles,
  { from, consumers, ...route }: Route,
  wasSent: (edit: Edit) => boolean,
): Promise<FileProblem[]> {
  const takes = route.takes ?? (await readSubscriptions(sns, { ...stack, consumers }));
  const [one, ...others] = consumers;
  const nobody = one && others.length === 0 ? `${one.name} does not get` : 'no consumer gets';
  return edits.flatMap((edit) => {
    const { line, event } = edit;
    const field = printable(edit.replaces, 100);
    if (!used.has(edit) && wasSent(edit)) return [];
    if (!used.has(edit)) return [{ line, field, message: `is not a ${from.noun} of ${from.name}` }];
    const attributes = domain.events.attributesOf(event);
    if (consumers.some(({ name }) => takes(name, { attributes }))) return [];
    return [{ line, field, message: `becomes ${A_NOUN} that ${nobody}` }];
  });
}
