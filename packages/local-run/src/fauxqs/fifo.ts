// What fauxqs does otherwise than SQS with a FIFO queue, done as SQS does it.
import { fifoReceiveOf, Queue, type ReceivedMessage, type SqsMessage, type SqsQueue } from './internals.ts';

const MAX_RECEIVED = 10;

/**
 * From here on FIFO queues give batches, deduplicate and move to dead-letter queues as SQS does. Called once, before anything
 * else hooks into queues.
 */
export function deliverFifoAsSqs(): void {
  hookReceive();
  hookReturns();
  hookDeduplication();
  hookEnqueue();
}

/**
 * fauxqs gives at most one message of a group, so that a batch never holds two; SQS gives as many of one group as it can,
 * then fills up from others. https://repost.aws/knowledge-center/sqs-fifo-messages-not-returned
 */
function hookReceive(): void {
  const prototype = fifoReceiveOf(Queue.prototype);
  const { dequeueFifo: receiveOfEachGroup } = prototype;
  prototype.dequeueFifo = function (max, ...more) {
    const count = Math.min(max, MAX_RECEIVED);
    const received: ReceivedMessage[] = [];
    const locked = new Map<string, number>();
    this.processTimers();
    // Or a message that is hidden for no time at all would come twice in one answer.
    this.processTimers = () => {};
    try {
      while (received.length < count) {
        for (const group of locked.keys()) this.fifoLockedGroups.delete(group);
        const [message] = receiveOfEachGroup.call(this, 1, ...more);
        if (!message) break;
        received.push(message);
        const group = this.inflightMessages.get(message.ReceiptHandle)?.message.messageGroupId ?? '';
        locked.set(group, (locked.get(group) ?? 0) + 1);
      }
    } finally {
      delete (this as { processTimers?: unknown }).processTimers;
      for (const [group, messages] of locked) this.fifoLockedGroups.set(group, messages);
    }
    return received;
  };
}

/** Messages of a group that come back together are put in front one by one, which reverses them. */
function hookReturns(): void {
  const { prototype } = Queue;
  const { processTimers, changeVisibility } = prototype;
  prototype.processTimers = function () {
    const now = Date.now();
    const expired = Array.from(this.inflightMessages.values()).some(
      ({ visibilityDeadline }) => visibilityDeadline <= now,
    );
    processTimers.call(this);
    if (expired) this.fifoMessages.forEach(sortBySequence);
  };
  prototype.changeVisibility = function (receiptHandle, seconds) {
    const group = this.inflightMessages.get(receiptHandle)?.message.messageGroupId;
    changeVisibility.call(this, receiptHandle, seconds);
    if (group !== undefined) sortBySequence(this.fifoMessages.get(group) ?? []);
  };
}

function sortBySequence(group: SqsMessage[]): void {
  group.sort((one, other) => ((one.sequenceNumber ?? '') < (other.sequenceNumber ?? '') ? -1 : 1));
}

/**
 * fauxqs does not know the scope `messageGroup`, in which an ID is a duplicate within its group only. The group is known when
 * the message is put in, so that is where it is decided.
 */
function hookDeduplication(): void {
  const { prototype } = Queue;
  const { checkDeduplication, recordDeduplication, enqueue } = prototype;
  /** Messages that a client sends, as opposed to those that a queue or a task moves. */
  const sent = new WeakMap<SqsQueue, string>();
  prototype.checkDeduplication = function (id) {
    return isByGroup(this) ? { isDuplicate: false } : checkDeduplication.call(this, id);
  };
  prototype.recordDeduplication = function (id, messageId, sequenceNumber) {
    if (isByGroup(this)) sent.set(this, messageId);
    else recordDeduplication.call(this, id, messageId, sequenceNumber);
  };
  prototype.enqueue = function (message) {
    if (sent.get(this) === message.messageId) {
      sent.delete(this);
      // No group and no ID has a line break.
      const id = `${message.messageGroupId}\n${message.messageDeduplicationId}`;
      const { isDuplicate, originalMessageId, originalSequenceNumber } = checkDeduplication.call(this, id);
      if (isDuplicate) {
        // The sender is answered with what was sent first.
        Object.assign(message, { messageId: originalMessageId, sequenceNumber: originalSequenceNumber });
        return;
      }
      recordDeduplication.call(this, id, message.messageId, message.sequenceNumber);
    }
    enqueue.call(this, message);
  };
}

function isByGroup({ attributes }: SqsQueue): boolean {
  return attributes.DeduplicationScope === 'messageGroup';
}

function hookEnqueue(): void {
  const { prototype } = Queue;
  const { enqueue } = prototype;
  prototype.enqueue = function (message) {
    if (!this.isFifo()) {
      // A FIFO topic passes them on to FIFO queues only: https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html
      const { messageGroupId, messageDeduplicationId, ...rest } = message;
      enqueue.call(this, rest);
      return;
    }
    if (message.approximateReceiveCount > 0) {
      // SQS itself moves it to a dead-letter queue.
      // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
      message.messageDeduplicationId = message.messageId;
      message.sequenceNumber = this.nextSequenceNumber();
    }
    enqueue.call(this, message);
  };
}
