/** A redrive: dead letters go back to their consumer, unrouted messages on to theirs; what comes back is counted. */

import { domain } from '#domain';
import type { Clients } from '../aws/clients.ts';
import type { StackHandles } from '../aws/stack.ts';
import { type Correction, type Letter, sentAt, sentAttributes } from '../dead-letters/letter.ts';
import { letterIds, lookAtDeadLetters } from '../dead-letters/look.ts';
import { NO_REASON, Reasons } from '../dead-letters/reasons.ts';
import { awaitCanary } from '../outcomes/canary.ts';
import { leavesRecord, withRecords } from '../outcomes/records.ts';
import { createProgress, type Progress } from '../terminal/progress.ts';
import { count, format, printable } from '../terminal/text.ts';
import type { Edits } from './edits.ts';
import { moveAll } from './move-task.ts';
import type { Plan } from './plan.ts';
import type { Route } from './route.ts';
import { sendBack } from './send-back.ts';
import type { SentEdits } from './sent-edits.ts';

export interface Redrive {
  readonly clients: Clients;
  readonly stack: StackHandles;
  readonly route: Route;
  readonly edits?: Edits | undefined;
  /** Where sent corrections are noted. */
  readonly sentEdits?: SentEdits | undefined;
  /** Whether single letters are meant, and not all of them. */
  readonly isSelection: boolean;
  /** Whether one letter is sent first, and the others only if it was processed within so many seconds. */
  readonly canarySeconds?: number | undefined;
  /** Letters per second, at most. */
  readonly rate?: number | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Called when more were sent, with their number so far. */
  readonly onSent: (sent: number) => void;
}

/** What a redrive, or a part of it, came to. */
export interface RedriveResult {
  /** Letters that were meant. */
  readonly wanted: number;
  readonly sent: number;
  /** Letters that came back, or were dead-lettered anew. */
  readonly cameBack: Reasons;
  /** What else is to be said. */
  readonly notes: readonly string[];
  /** Why it ended before its end. */
  readonly stopped?: string | undefined;
  /** The command to type next, if it is not the usual one. */
  readonly next?: readonly string[] | undefined;
}

const MAX_LISTED = 5;

/**
 * Sends back what the plan wants, or, without a plan, has SQS move all there is.
 * @param letters how many are meant, as far as they were counted
 * @throws whatever the SDK throws, and CommandError where SQS stops answering
 */
export async function redrive(
  task: Redrive,
  plan: Plan | undefined,
  letters: number,
): Promise<RedriveResult> {
  const { route, isSelection, canarySeconds, signal } = task;
  const sentBodies = new Set<string>();
  /** @param earlier how many were sent before */
  const sendRest = (wanted: ReadonlySet<string>, earlier: number): Promise<RedriveResult> => {
    if (route.moveTo !== undefined && !(plan && isSelection)) return move(task, route.moveTo, earlier);
    if (!plan) throw new Error('what SQS cannot move is sent by a plan');
    return sendSelection(task, plan, wanted, sentBodies, earlier);
  };
  const canary = canarySeconds === undefined ? undefined : plan?.canary;
  if (!plan || !canary) return await sendRest(plan?.wanted ?? new Set(), 0);

  const first = await sendCanary(task, plan, canary, sentBodies);
  const rest = new Set(plan.wanted);
  rest.delete(canary.messageId);
  if (!first.isProcessed || rest.size === 0 || signal.aborted) return { ...first, wanted: letters };
  const others = await sendRest(rest, first.sent);
  return {
    ...others,
    wanted: first.wanted + others.wanted,
    sent: first.sent + others.sent,
    notes: [...first.notes, ...others.notes],
  };
}

async function sendCanary(
  task: Redrive,
  plan: Plan,
  canary: Letter,
  sentBodies: Set<string>,
): Promise<RedriveResult & { isProcessed: boolean }> {
  const { clients, stack, route, canarySeconds: seconds = 0, progress, signal } = task;
  const edit = correctionOf(task, canary);
  const attributes = sentAttributes(canary, edit);
  const body = edit?.body ?? canary.body;
  const event = domain.events.eventIn(body);
  const consumers = route.consumers
    .filter(({ name }) => route.takes?.(name, { attributes }) ?? true)
    .filter(({ name }) => event === undefined || leavesRecord(name, event));
  withRecords(consumers);
  const urls = consumers.map((each) => each.deadLetterQueueUrl).filter((url) => url !== route.from.url);
  const others = await Promise.all(urls.map((url) => letterIds(clients.sqs, url, signal)));
  const earlierLetters = new Set([...plan.present, ...others.flatMap((ids) => [...ids])]);
  const silently = { ...task, progress: createProgress({ silent: true }) };
  // Whether it came back is for the wait to tell.
  const sent = {
    ...(await sendSelection(silently, plan, new Set([canary.messageId]), sentBodies, 0)),
    cameBack: new Reasons(),
  };
  if (sent.sent === 0 || signal.aborted) return { ...sent, isProcessed: false };

  const id = edit ? domain.events.idOf(edit.event) : (canary.id ?? '');
  const sentCanary = { clients, stack, consumers, id, body, earlierLetters, seconds, progress, signal };
  const { refused, ...end } = await awaitCanary(sentCanary);
  if (!end.isProcessed) for (const reason of refused) sent.cameBack.count(reason ?? NO_REASON, new Date());
  return { ...sent, ...end };
}

/** What is sent in place of a letter, if not the letter as it was. */
function correctionOf({ edits, route }: Redrive, letter: Letter): Correction | undefined {
  return edits?.for(letter) ?? route.correct(letter);
}

async function sendSelection(
  task: Redrive,
  { present }: Plan,
  wanted: ReadonlySet<string>,
  sentBodies: Set<string>,
  earlier: number,
): Promise<RedriveResult> {
  const { clients, route, edits, sentEdits, rate, progress, signal, onSent } = task;
  const step = progress.step(route.moveTo === undefined ? 'Sending on' : 'Sending back');
  const sentBack = await sendBack(wanted, {
    sqs: clients.sqs,
    route,
    present,
    sentBodies,
    edit: (letter) => correctionOf(task, letter),
    onSent: (letters) =>
      sentEdits?.add(letters.map((letter) => edits?.for(letter)).filter((edit) => edit !== undefined)),
    rate,
    signal,
    onProgress(done) {
      onSent(earlier + done);
      step.bar(done, wanted.size);
    },
  }).catch((error) => {
    step.fail('The letters could not be sent');
    throw error;
  });
  const { sent, refused, notDeleted, tooRecent, stopped } = sentBack;
  step.done(`Sent ${format(sent)} ${route.moveTo === undefined ? 'on' : 'back'}`);
  const cameBack = new Reasons();
  for (const letter of sentBack.cameBack) cameBack.add(letter);

  const notes = refused
    .slice(0, MAX_LISTED)
    .map(({ letter, reason }) => printable(`${letter.id ?? letter.messageId} stays: ${reason}`));
  if (refused.length > MAX_LISTED) notes.push(`… and ${format(refused.length - MAX_LISTED)} more`);
  if (notDeleted > 0) {
    const queue = route.moveTo === undefined ? `the queue ${route.from.name}` : 'the dead-letter queue';
    notes.push(`${count(notDeleted, 'letter')} sent, but still in ${queue} as well.`);
  }
  if (tooRecent > 0) {
    notes.push(`${count(tooRecent, 'letter')} under 6 minutes old: SQS would drop them as duplicates. Wait.`);
  }
  const missing = wanted.size - sent - refused.length - tooRecent;
  const isComplete = stopped === undefined && cameBack.total === 0 && !signal.aborted;
  const gone = isComplete ? missing : 0;
  if (gone > 0) notes.push(`${count(gone, 'letter')} had gone meanwhile.`);
  return { wanted: wanted.size - gone, sent, cameBack, notes, stopped };
}

async function move(
  { clients: { sqs }, route: { from }, rate, progress, signal, onSent }: Redrive,
  to: string,
  earlier: number,
): Promise<RedriveResult> {
  const step = progress.step('Moving');
  signal.addEventListener('abort', () => step.update('Cancelling'), { once: true });
  const moved = await moveAll({
    sqs,
    from: from.url,
    to,
    rate,
    signal,
    onProgress(now) {
      onSent(earlier + now.moved);
      step.bar(now.moved, now.toMove);
    },
  }).catch((error) => {
    step.fail('The move failed');
    throw error;
  });
  const cameBack = new Reasons();
  if (!signal.aborted) {
    await lookAtDeadLetters(
      sqs,
      from.url,
      (letter) => {
        if (sentAt(letter) >= moved.startedAt) cameBack.add(from.read(letter));
      },
      { signal },
    );
  }
  step.done(`Moved ${format(moved.moved)}${signal.aborted ? ', then cancelled' : ''}`);
  const stopped = moved.cameBack && cameBack.total === 0 ? 'letters came back' : moved.stopped;
  return {
    wanted: Math.max(moved.toMove, moved.moved),
    sent: moved.moved,
    cameBack,
    notes: [],
    stopped,
  };
}
