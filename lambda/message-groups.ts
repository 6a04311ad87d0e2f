/** The sequence of a FIFO queue's messages, which are in groups; those of a standard queue have none. */
import type { SQSRecord } from 'aws-lambda';

/** A FIFO queue's name ends so: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-types.html */
const FIFO_SUFFIX = '.fifo';

/** Whether a record comes from a FIFO queue. A message group is no proof: standard queues use it for fairness. */
export function isOrdered({ eventSourceARN }: SQSRecord): boolean {
  return eventSourceARN.endsWith(FIFO_SUFFIX);
}

/**
 * Starts `work` on the records: one after the other within a group, groups concurrently. After a failure the rest of the group
 * fails with the same error, untried, or a later message would overtake an earlier one. Each record of a standard queue is a group
 * of its own. A rejection that the caller does not await is not reported.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 * @param work is told which records of the group wait behind this one
 */
export function inTurn(
  records: readonly SQSRecord[],
  work: (record: SQSRecord, behind: readonly SQSRecord[]) => Promise<void>,
): Map<SQSRecord, Promise<void>> {
  const turns = new Map<SQSRecord, Promise<void>>();
  const groups = Map.groupBy(records, (record) =>
    isOrdered(record) ? record.attributes.MessageGroupId : record,
  );
  for (const group of groups.values()) {
    let before = Promise.resolve();
    for (const [index, record] of group.entries()) {
      const turn = before.then(() => work(record, group.slice(index + 1)));
      turn.catch(() => {});
      turns.set(record, turn);
      before = turn;
    }
  }
  return turns;
}
