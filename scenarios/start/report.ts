// What `npm start` has shown, for programs and for people.

import type { AlarmStatus } from '@order-fan-out/local-run/cloudwatch/alarm';
import { domain } from '#domain';
import type { TestMessage } from '../../cli/publishing/test-events.ts';
import { count, plural, table } from '../../cli/terminal/text.ts';
import { CHANGE, NOUN, NOUNS } from '../../cli/terminal/words.ts';
import { readAlarmText } from '../../contract/alarm-text.ts';
import { ARCHIVE } from '../../contract/archive.ts';
import type { Domain } from '../../contract/domain.ts';
import { IN_ARCHIVE } from '../reconciliation/archive.ts';
import { type Differences, differenceLines, differencesObject } from '../reconciliation/differences.ts';
import type { ConsumerCounts } from '../reconciliation/reconcile.ts';
import type { Ledger } from '../reconciliation/snapshot.ts';

/** The outcome, for programs. */
export interface LocalEventsSummary extends Differences {
  /** Events that create a record. */
  readonly created: number;
  /** Those that were changed. */
  readonly changed: number;
  readonly consumers: Record<string, ConsumerCounts>;
  /** Consumer → events that it processed after a later one of the same group. */
  readonly inversions: Record<string, number>;
  /** State of each alarm, by name. */
  readonly alarms: Record<string, string>;
}

/** The outcome under the domain's names, for JSON. */
export function summaryObject({ created, changed, ...summary }: LocalEventsSummary): object {
  const changes = CHANGE && { [CHANGE.participle]: changed };
  return { [NOUNS]: created, ...changes, ...summary, ...differencesObject(summary) };
}

/** `1000 events, 50 duplicates, 100 changes, 10 poison`. */
export function kindsOf(messages: readonly TestMessage[]): string {
  const number = (kind: TestMessage['kind']) => messages.filter((message) => message.kind === kind).length;
  const counted = (kind: TestMessage['kind'], noun: string, several?: string) =>
    `${number(kind)} ${plural(number(kind), noun, several)}`;
  const changes = CHANGE && number('change') > 0 ? [counted('change', CHANGE.singular, CHANGE.plural)] : [];
  const poison = `${number('poison')} poison`;
  return [counted('event', NOUN, NOUNS), counted('duplicate', 'duplicate'), ...changes, poison].join(', ');
}

/** What the report says beside the counts. */
interface ReportDetails {
  readonly alarms: AlarmStatus[];
  readonly messages: readonly TestMessage[];
  /** What is in all tables at the end. */
  readonly tables: Ledger['tables'];
  /** What records are in: `table`. */
  readonly store: string;
  /** ARN of the topic for what has to wake somebody. */
  readonly pages: string | undefined;
}

/** The same for people. */
export function reportOf(summary: LocalEventsSummary, details: ReportDetails): string {
  return `${countsOf(summary, details)}\n\n${alarmLines(details)}`;
}

function countsOf(summary: LocalEventsSummary, details: ReportDetails): string {
  const { consumers, inversions, missing, unexpected, created, changed } = summary;
  const rows = Object.entries(consumers).map(([name, { delivered, processed, duplicates, deadLettered }]) => [
    name,
    ...[delivered, processed, duplicates, deadLettered, inversions[name] ?? '-'].map(String),
  ]);
  const figures = table([
    ['consumer', 'delivered', 'processed', 'duplicates', 'dead-lettered', 'inversions'],
    ...rows,
  ]);
  if (missing.length + unexpected.length > 0) {
    return `
${figures}

The run left differences:
${differenceLines('missing', missing)}${differenceLines('unexpected', unexpected)}`;
  }
  const inArchive = consumers[ARCHIVE] ? `\n${IN_ARCHIVE}` : '';
  return `\n${figures}\n\n${shown(created, changed, details)}${inArchive}`;
}

/** What the reconciliation has shown. */
function shown(created: number, changed: number, { tables, store }: ReportDetails): string {
  const { endState }: Domain = domain;
  const each = created === 1 ? `The ${NOUN}` : `Each of the ${created} ${NOUNS}`;
  if (!endState) {
    return `Every message was delivered, and processed or dead-lettered as it should be. What consumers made of the
${NOUNS} was not looked at: the domain defines no end state.`;
  }
  const more = endState.shown ? `, and ${endState.shown(tables)}` : '';
  const changes =
    changed === 0 || !CHANGE
      ? ''
      : `\n${changed === 1 ? `The ${CHANGE.participle} ${NOUN} is` : `Each of the ${changed} ${CHANGE.participle} ${NOUNS} is`} ${endState.shownOfChanged}.`;
  return `${each} is exactly once in every ${store} where it belongs, each poison message in the
dead-letter queues${more}.${changes}`;
}

/**
 * How many alarms are in which state; of those in ALARM what operators would be told, with the article of the runbook, and why.
 * One that a composite alarm announces is not told by itself.
 */
function alarmLines({ alarms, messages, pages }: ReportDetails): string {
  const byState = Map.groupBy(alarms, ({ state }) => state);
  const summary = [...byState].sort().map(([state, of]) => `${of.length} in ${state}`);
  const told = (byState.get('ALARM') ?? [])
    .filter(({ properties }) => properties.AlarmActions?.length > 0)
    .map(({ name, description = '', properties }) => {
      const { article } = readAlarmText(description);
      const severity = properties.AlarmActions.includes(pages) ? 'page  ' : 'notice';
      return { severity, line: `\n  ${severity}  ${[name, article].filter(Boolean).join(': ')}` };
    })
    .sort((one, other) => other.severity.localeCompare(one.severity));
  const poison = messages.filter(({ kind }) => kind === 'poison').length;
  const why = `
${count(poison, 'poison message')} sent on purpose, now in dead-letter queues: that is what these alarms are for.
On AWS operators would be told, with the article that says what to do:`;
  return `Alarms: ${summary.join(', ')}.${told.length > 0 && poison > 0 ? why : ''}${told.map(({ line }) => line).join('')}`;
}
