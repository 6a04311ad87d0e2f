/** Has SQS itself move all dead letters of a consumer back to its queue, by a message move task. */
import { setTimeout } from 'node:timers/promises';
import {
  CancelMessageMoveTaskCommand,
  GetQueueAttributesCommand,
  ListMessageMoveTasksCommand,
  type ListMessageMoveTasksResultEntry,
  ReceiveMessageCommand,
  type SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { explain } from '../aws/errors.ts';
import { sentAt } from '../dead-letters/letter.ts';
import { CommandError } from '../terminal/command-error.ts';

export interface MoveOptions {
  readonly sqs: SQSClient;
  /** URL of the dead-letter queue. */
  readonly from: string;
  /** URL of the consumer's queue. */
  readonly to: string;
  /** Letters per second, 1 to 500; SQS is as fast as it can be without. */
  readonly rate?: number | undefined;
  /** Cancels the move. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { moved: number; toMove: number }) => void;
}

export interface Moved {
  readonly moved: number;
  /** How many there were when it began, as SQS counts. */
  readonly toMove: number;
  /** When SQS began, by its own clock: letters that were sent later came back, or are new. */
  readonly startedAt: Date;
  /** Whether it ended because such letters were there. */
  readonly cameBack: boolean;
  /** Why it ended early. */
  readonly stopped?: string | undefined;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;
/** Looks for letters that came back take a few at random, each time anew. */
const SAMPLES = 3;
const MAX_FAILED_LOOKS = 5;

/**
 * Moves all letters, which get new message IDs by that, and stops when letters come back: SQS would move these again, and
 * again. The destination is always named, since letters that a handler or SNS sent carry no source:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
 * @throws CommandError where a move is on already, or SQS stops answering; whatever the SDK throws at the start
 */
export async function moveAll({ sqs, from, to, rate, signal, onProgress }: MoveOptions): Promise<Moved> {
  const [SourceArn, DestinationArn] = await Promise.all([arnOf(sqs, from), arnOf(sqs, to)]);
  const { TaskHandle } = await sqs
    .send(
      new StartMessageMoveTaskCommand({
        SourceArn,
        DestinationArn,
        MaxNumberOfMessagesPerSecond: rate,
      }),
    )
    .catch((error) => {
      if (!/already a task running/i.test(error?.message)) throw error;
      throw new CommandError(
        'Somebody is moving these dead letters already: wait until that is done, and try again',
      );
    });

  let cameBack = false;
  let isCancelled = false;
  let task: ListMessageMoveTasksResultEntry | undefined;
  let startedAt = new Date(Number.NaN);
  for (let pause = FIRST_PAUSE_MS, failures = 0; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    try {
      task = await findTask(sqs, SourceArn, TaskHandle, task);
      startedAt = new Date(task?.StartedTimestamp ?? Number.NaN);
      onProgress(progressOf(task));
      if (task && task.Status !== 'RUNNING' && task.Status !== 'CANCELLING') break;
      if (!cameBack && !isCancelled) cameBack = await holdsLaterThan(sqs, from, startedAt);
      if ((signal.aborted || cameBack) && !isCancelled) {
        await cancel(sqs, TaskHandle);
        isCancelled = true;
      }
      failures = 0;
    } catch (error) {
      if (++failures < MAX_FAILED_LOOKS) continue;
      throw new CommandError(
        `${explain(error) ?? error}\nSQS goes on moving the letters without this command; it had moved ${progressOf(task).moved} when it was last asked`,
      );
    } finally {
      // Ctrl-C ends the wait, but only once.
      await setTimeout(pause, undefined, isCancelled || signal.aborted ? {} : { signal }).catch(() => {});
    }
  }
  const stopped =
    task.Status === 'FAILED' ? `SQS stopped: ${task.FailureReason ?? 'it gives no reason'}` : undefined;
  return { ...progressOf(task), startedAt, cameBack, stopped };
}

async function arnOf(sqs: SQSClient, queueUrl: string): Promise<string> {
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['QueueArn'] }),
  );
  return Attributes?.QueueArn ?? '';
}

/** The task as it is now. SQS names the handle while a task runs, and afterwards only when it began. */
async function findTask(
  sqs: SQSClient,
  SourceArn: string,
  handle: string | undefined,
  earlier: ListMessageMoveTasksResultEntry | undefined,
): Promise<ListMessageMoveTasksResultEntry | undefined> {
  const { Results = [] } = await sqs.send(new ListMessageMoveTasksCommand({ SourceArn, MaxResults: 10 }));
  return (
    Results.find(({ TaskHandle }) => TaskHandle !== undefined && TaskHandle === handle) ??
    Results.find(
      ({ StartedTimestamp }) => earlier !== undefined && StartedTimestamp === earlier.StartedTimestamp,
    ) ??
    (earlier ? undefined : Results[0])
  );
}

function progressOf(task: ListMessageMoveTasksResultEntry | undefined): { moved: number; toMove: number } {
  const moved = Number(task?.ApproximateNumberOfMessagesMoved ?? 0);
  return { moved, toMove: Math.max(moved, Number(task?.ApproximateNumberOfMessagesToMove ?? 0)) };
}

/** Takes some letters, hiding them from nobody. */
async function holdsLaterThan(sqs: SQSClient, queueUrl: string, time: Date): Promise<boolean> {
  const samples = await Promise.all(
    Array.from({ length: SAMPLES }, () =>
      sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: 10,
          VisibilityTimeout: 0,
          WaitTimeSeconds: 0,
          MessageSystemAttributeNames: ['SentTimestamp'],
        }),
      ),
    ),
  );
  return samples.some(({ Messages = [] }) => Messages.some((message) => sentAt(message) >= time));
}

async function cancel(sqs: SQSClient, handle: string | undefined): Promise<void> {
  try {
    await sqs.send(new CancelMessageMoveTaskCommand({ TaskHandle: handle }));
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof Error && error.name === 'ResourceNotFoundException')) throw error;
  }
}
