// Looks into a dead-letter queue and leaves everything there.
import {
  ChangeMessageVisibilityBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** How long a letter is hidden from others if the look is cut off before it gives the letters back. */
const LOOK_SECONDS = 60;
const BATCH = 10;

/**
 * Shows `visit` each letter in the queue once, then makes all of them visible again; on an error too. Only ids are kept.
 * A letter that somebody else has received at the moment is not seen.
 */
export async function lookAtDeadLetters(
  sqs: SQSClient,
  queueUrl: string,
  visit: (letter: Message) => void,
): Promise<void> {
  const seen = new Map<string, string>();
  try {
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: BATCH,
          VisibilityTimeout: LOOK_SECONDS,
          // A long poll asks all servers of the queue, a short one only some, so only here does empty mean empty:
          // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
          WaitTimeSeconds: 1,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      if (Messages.length === 0) return;
      const letters = Messages.filter(({ MessageId = '' }) => !seen.has(MessageId));
      for (const { MessageId = '', ReceiptHandle = '' } of Messages) seen.set(MessageId, ReceiptHandle);
      // Nothing but letters seen before: the look takes longer than they stay hidden.
      if (letters.length === 0) return;
      letters.forEach(visit);
    }
  } finally {
    await giveBack(sqs, queueUrl, Array.from(seen.values()));
  }
}

async function giveBack(sqs: SQSClient, queueUrl: string, handles: string[]): Promise<void> {
  for (let start = 0; start < handles.length; start += BATCH) {
    const entries = handles.slice(start, start + BATCH).map((ReceiptHandle, index) => ({
      Id: String(index),
      ReceiptHandle,
      VisibilityTimeout: 0,
    }));
    // A letter whose entry fails comes back by itself when the time is over.
    await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
  }
}
