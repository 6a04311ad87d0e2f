/** Which dead letters are to be sent back, as a look at all of them tells. */
import { messageAttributes } from '../../contract/order.ts';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import type { Clients } from '../aws/clients.ts';
import type { StackHandles } from '../aws/stack.ts';
import { digestOf } from '../orders/follow.ts';
import type { FileProblem } from '../orders/order-file.ts';
import { readSubscriptions } from '../orders/subscriptions.ts';
import { printable } from '../terminal/text.ts';
import type { LetterFilter } from '../usage/options/letter-filter.ts';
import type { Edit, Edits } from './edits.ts';
import { type Letter, readLetter } from './letter.ts';
import { type LookOptions, lookAtDeadLetters } from './look.ts';
import { letterFilter, Reasons } from './reasons.ts';

export interface Plan {
  /** IDs of the letters to send back. */
  readonly wanted: ReadonlySet<string>;
  /** IDs of all letters that are there. */
  readonly present: ReadonlySet<string>;
  readonly reasons: Reasons;
  /** One that the consumer can process, as far as the contract says. */
  readonly canary?: Letter;
  /** How many hold no valid order, as they would be sent: they would come back. */
  readonly invalid: number;
  /** About how many could not be looked at. */
  readonly unseen: number;
  /** Corrections that found their letter. */
  readonly used: ReadonlySet<Edit>;
}

/** What is to be sent back: what the filter lets through up to the limit, or what there are corrections for. */
export interface Selection {
  readonly filter: LetterFilter;
  readonly limit?: number;
  readonly edits?: Edits;
}

/** Looks at all letters of a consumer and leaves them there. */
export async function planRedrive(
  { sqs }: Pick<Clients, 'sqs'>,
  { deadLetterQueueUrl }: ConsumerHandles,
  { filter, limit, edits }: Selection,
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
    if (digestOf(edit?.body ?? letter.body) === undefined) invalid++;
    else canary ??= letter;
  };
  const { unseen } = await lookAtDeadLetters(
    sqs,
    deadLetterQueueUrl,
    (message) => visit(readLetter(message)),
    options,
  );
  return { wanted, present, used, reasons, invalid, unseen, ...(canary && { canary }) };
}

/**
 * What is wrong with corrections that are valid orders: they have no letter, and were not sent back by an earlier redrive, or the
 * consumer does not get such orders.
 */
export async function problemsOfEdits(
  { edits }: Edits,
  { used }: Plan,
  { sns }: Pick<Clients, 'sns'>,
  stack: StackHandles,
  consumer: ConsumerHandles,
  wasSent: (edit: Edit) => boolean,
): Promise<FileProblem[]> {
  const takes = await readSubscriptions(sns, { ...stack, consumers: [consumer] });
  return edits.flatMap((edit) => {
    const { line, order } = edit;
    const field = printable(edit.replaces, 100);
    if (!used.has(edit) && wasSent(edit)) return [];
    if (!used.has(edit)) return [{ line, field, message: `is no dead letter of ${consumer.name}` }];
    if (takes(consumer.name, { attributes: messageAttributes(order) })) return [];
    return [{ line, field, message: `becomes an order that ${consumer.name} does not get` }];
  });
}
