/** The order of a FIFO queue's messages, which are in groups; those of a standard queue have none. */
import type { SQSRecord } from 'aws-lambda';

/** A FIFO queue's name ends so: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-types.html */
const FIFO_SUFFIX = '.fifo';

/** Whether a record comes from a FIFO queue. A message group alone says nothing: on a standard queue it makes fair queues. */
export function isOrdered({ eventSourceARN }: SQSRecord): boolean {
  return eventSourceARN.endsWith(FIFO_SUFFIX);
}

/**
 * Begins `work` on the records: on those of one group one after the other, on groups side by side. Where it fails, the rest of
 * the group fails with the same error, untried, or a later message would overtake an earlier one. Records of a standard queue
 * are each a group of their own. What comes of a record is for the caller to hear; a failure that nobody hears is no fault.
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
