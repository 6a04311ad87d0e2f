// What `npm start` has shown, for programs and for people.
import type { TestMessage } from '../../cli/orders/test-orders.ts';
import { count, table } from '../../cli/terminal/text.ts';
import { readAlarmText } from '../../contract/alarm-text.ts';
import type { AlarmStatus } from '../../local/cloudwatch/alarm.ts';
import type { Balance, ConsumerBooks } from '../books.ts';
import { differenceLines } from '../difference-lines.ts';

/** The outcome, for programs. */
export interface LocalOrdersSummary extends Balance {
  readonly orders: number;
  readonly consumers: Record<string, ConsumerBooks>;
  /** State of each alarm, by name. */
  readonly alarms: Record<string, string>;
}

/** `1000 orders, 50 duplicates, 10 poison`. */
export function kindsOf(messages: readonly TestMessage[]): string {
  const number = (kind: TestMessage['kind']) => messages.filter((message) => message.kind === kind).length;
  return `${number('order')} orders, ${number('duplicate')} duplicates, ${number('poison')} poison`;
}

/**
 * The same for people.
 * @param backordered how many orders wait for stock
 */
export function reportOf(
  summary: LocalOrdersSummary,
  more: { backordered: number; alarms: AlarmStatus[]; messages: readonly TestMessage[] },
): string {
  return `${booksOf(summary, more.backordered)}\n\n${alarmLines(more.alarms, more.messages)}`;
}

function booksOf(
  { consumers, missing, unexpected, orders }: LocalOrdersSummary,
  backordered: number,
): string {
  const rows = Object.entries(consumers).map(([name, { delivered, processed, duplicates, deadLettered }]) => [
    name,
    ...[delivered, processed, duplicates, deadLettered].map(String),
  ]);
  const figures = table([['consumer', 'delivered', 'processed', 'duplicates', 'dead-lettered'], ...rows]);
  if (missing.length + unexpected.length === 0) {
    return `
${figures}

Each of the ${orders} orders is exactly once in every table where it belongs, each poison message in the
dead-letter queues, and the stock adds up (${count(backordered, 'order')} on backorder).`;
  }
  return `
${figures}

The books do not balance:
${differenceLines('missing', missing)}${differenceLines('unexpected', unexpected)}`;
}

/** How many alarms are in which state; those in ALARM with the article of the runbook that their text names, and why they are. */
function alarmLines(alarms: AlarmStatus[], messages: readonly TestMessage[]): string {
  const byState = Map.groupBy(alarms, ({ state }) => state);
  const on = (byState.get('ALARM') ?? []).map(({ name, description = '' }) => {
    const { article } = readAlarmText(description);
    return `\n  ${[name, article].filter(Boolean).join(': ')}`;
  });
  const summary = [...byState].sort().map(([state, of]) => `${of.length} in ${state}`);
  const poison = messages.filter(({ kind }) => kind === 'poison').length;
  const why = `
${count(poison, 'poison message')} sent on purpose, now in dead-letter queues: that is what these alarms are for.
On AWS they would tell an operator, and name the article that says what to do:`;
  return `Alarms: ${summary.join(', ')}.${on.length > 0 && poison > 0 ? why : ''}${on.join('')}`;
}
