// What `npm start` has shown, for programs and for people.

import type { AlarmStatus } from '@order-fan-out/local-run/cloudwatch/alarm';
import type { TestMessage } from '../../cli/publishing/test-events.ts';
import { count, plural, table } from '../../cli/terminal/text.ts';
import { readAlarmText } from '../../contract/alarm-text.ts';
import { ARCHIVE } from '../../contract/archive.ts';
import { IN_ARCHIVE } from '../reconciliation/archive.ts';
import { type Differences, differenceLines } from '../reconciliation/differences.ts';
import type { ConsumerCounts } from '../reconciliation/reconcile.ts';

/** The outcome, for programs. */
export interface LocalOrdersSummary extends Differences {
  readonly orders: number;
  /** Orders that were cancelled. */
  readonly cancelled: number;
  readonly consumers: Record<string, ConsumerCounts>;
  /** Consumer → orders that it processed after a later one of the same customer. */
  readonly inversions: Record<string, number>;
  /** State of each alarm, by name. */
  readonly alarms: Record<string, string>;
}

/** `1000 orders, 50 duplicates, 100 cancellations, 10 poison`. */
export function kindsOf(messages: readonly TestMessage[]): string {
  const number = (kind: TestMessage['kind']) => messages.filter((message) => message.kind === kind).length;
  const counted = (kind: TestMessage['kind']) => `${number(kind)} ${plural(number(kind), kind)}`;
  const cancelled = number('cancellation') > 0 ? [counted('cancellation')] : [];
  return [counted('order'), counted('duplicate'), ...cancelled, `${number('poison')} poison`].join(', ');
}

/** What the report says beside the counts. */
interface ReportDetails {
  readonly alarms: AlarmStatus[];
  readonly messages: readonly TestMessage[];
  /** ARN of the topic for what has to wake somebody. */
  readonly pages: string | undefined;
}

/**
 * The same for people.
 * @param backordered how many orders wait for stock
 */
export function reportOf(summary: LocalOrdersSummary, backordered: number, details: ReportDetails): string {
  return `${countsOf(summary, backordered)}\n\n${alarmLines(details)}`;
}

function countsOf(
  { consumers, inversions, missing, unexpected, orders, cancelled }: LocalOrdersSummary,
  backordered: number,
): string {
  const rows = Object.entries(consumers).map(([name, { delivered, processed, duplicates, deadLettered }]) => [
    name,
    ...[delivered, processed, duplicates, deadLettered, inversions[name] ?? '-'].map(String),
  ]);
  const figures = table([
    ['consumer', 'delivered', 'processed', 'duplicates', 'dead-lettered', 'inversions'],
    ...rows,
  ]);
  if (missing.length + unexpected.length === 0) {
    return `
${figures}

${orders === 1 ? 'The order' : `Each of the ${orders} orders`} is exactly once in every table where it belongs, each poison message in the
dead-letter queues, and the stock adds up (${count(backordered, 'order')} on backorder).${cancelled === 0 ? '' : cancelledLine(cancelled)}${consumers[ARCHIVE] ? `\n${IN_ARCHIVE}` : ''}`;
  }
  return `
${figures}

The run left differences:
${differenceLines('missing', missing)}${differenceLines('unexpected', unexpected)}`;
}

/** What the reconciliation has shown of cancelled orders. */
function cancelledLine(cancelled: number): string {
  const each = cancelled === 1 ? 'The cancelled order is' : `Each of the ${cancelled} cancelled orders is`;
  return `\n${each} voided by a credit note, stopped, and back in stock, whichever message came first.`;
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
