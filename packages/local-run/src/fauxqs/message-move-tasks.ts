// SQS's redrive out of a dead-letter queue, which fauxqs does not have: start, list and cancel a message move task.
import { randomUUID } from 'node:crypto';
import { errorAnswer, jsonAnswer } from '../protocol/http-answer.ts';
import { ServiceError } from '../protocol/service-error.ts';
import type { Fauxqs, Interception } from './fauxqs.ts';
import type { ReceivedMessage, SqsMessage, SqsQueue } from './internals.ts';
import type { FauxqsRequest } from './request.ts';

type Status = 'RUNNING' | 'COMPLETED' | 'CANCELLING' | 'CANCELLED' | 'FAILED';
interface Task {
  handle: string;
  status: Status;
  sourceArn: string;
  destinationArn: string;
  perSecond: number;
  moved: number;
  toMove: number;
  failureReason?: string;
  startedAt: number;
}

/** As many as SQS moves in a second. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html */
const MOST_PER_SECOND = 500;
const TICK_MS = 20;
/** Hides a message from others while it is moved, which takes no time here. */
const HIDDEN_SECONDS = 30;

const invalid = (message: string) => new ServiceError('InvalidParameterValue', message);
const notFound = (message: string) => new ServiceError('ResourceNotFoundException', message, { status: 404 });

/**
 * The message move tasks of this thread's queues. Words of errors are those of SQS, as recorded by
 * https://github.com/localstack/localstack/blob/main/tests/aws/services/sqs/test_sqs_move_task.snapshot.json
 */
export class MessageMoveTasks {
  private readonly fauxqs: Fauxqs;
  private readonly tasks: Task[] = [];
  /** Message → queue that SQS itself moved it from. What a handler or SNS sent to a dead-letter queue has no source. */
  private readonly sources = new Map<string, string>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly actions = new Map<string, (input: Record<string, unknown>) => object>([
    ['StartMessageMoveTask', (input) => this.start(input)],
    ['ListMessageMoveTasks', (input) => this.list(input)],
    ['CancelMessageMoveTask', (input) => this.cancel(input)],
  ]);

  /** Answers the three actions from here on. */
  constructor(fauxqs: Fauxqs) {
    this.fauxqs = fauxqs;
    fauxqs.intercept((request) => this.answer(request));
    fauxqs.addToReceived((received) => this.tellSources(received));
    fauxqs.observe({
      onMovedToDeadLetterQueue: (queueName, messageId) => this.sources.set(messageId, queueName),
    });
  }

  /** Ends what is under way. */
  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers.clear();
  }

  private answer({ operation, input }: FauxqsRequest): Interception | undefined {
    const action = this.actions.get(operation);
    if (!action) return undefined;
    try {
      return jsonAnswer(action(input));
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return errorAnswer('sqs', error);
    }
  }

  /** Adds DeadLetterQueueSourceArn, which fauxqs does not know, to messages whose attributes were asked for. */
  private tellSources(received: ReceivedMessage[]): void {
    for (const { MessageId, Attributes } of received) {
      const arn = this.fauxqs.queueNamed(this.sources.get(MessageId) ?? '')?.arn;
      if (Attributes && arn) Attributes.DeadLetterQueueSourceArn = arn;
    }
  }

  private start(input: Record<string, unknown>): object {
    const source = this.source(input.SourceArn);
    if (input.DestinationArn === undefined)
      throw invalid('The local run moves messages to a DestinationArn.');
    const destination = this.fauxqs.queue(String(input.DestinationArn));
    if (!destination) {
      throw notFound("The resource that you specified for the DestinationArn parameter doesn't exist.");
    }
    if (destination.isFifo() !== source.isFifo()) {
      throw invalid('The source queue and destination queue must be of the same queue type.');
    }
    const isActive = ({ sourceArn, status }: Task) =>
      sourceArn === source.arn && (status === 'RUNNING' || status === 'CANCELLING');
    if (this.tasks.some(isActive)) {
      throw invalid(
        'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
      );
    }
    source.processTimers();
    const task: Task = {
      handle: Buffer.from(JSON.stringify({ taskId: randomUUID(), sourceArn: source.arn })).toString('base64'),
      status: 'RUNNING',
      sourceArn: source.arn,
      destinationArn: destination.arn,
      perSecond: Number(input.MaxNumberOfMessagesPerSecond ?? MOST_PER_SECOND),
      moved: 0,
      toMove: Number(source.getAttribute('ApproximateNumberOfMessages')),
      startedAt: Date.now(),
    };
    this.tasks.unshift(task);
    this.run(task, source);
    return { TaskHandle: task.handle };
  }

  private list(input: Record<string, unknown>): object {
    const source = this.source(input.SourceArn);
    const most = Math.min(10, Number(input.MaxResults ?? 1));
    const ofSource = this.tasks.filter(({ sourceArn }) => sourceArn === source.arn);
    return {
      Results: ofSource.slice(0, most).map((task) => ({
        TaskHandle: task.status === 'RUNNING' ? task.handle : undefined,
        Status: task.status,
        SourceArn: task.sourceArn,
        DestinationArn: task.destinationArn,
        MaxNumberOfMessagesPerSecond: task.perSecond,
        ApproximateNumberOfMessagesMoved: task.moved,
        ApproximateNumberOfMessagesToMove: task.toMove,
        FailureReason: task.failureReason,
        StartedTimestamp: task.startedAt,
      })),
    };
  }

  private cancel(input: Record<string, unknown>): object {
    const task = this.tasks.find((each) => each.handle === input.TaskHandle && each.status === 'RUNNING');
    if (!task) throw notFound('Task does not exist.');
    task.status = 'CANCELLING';
    return { ApproximateNumberOfMessagesMoved: task.moved };
  }

  private source(arn: unknown): SqsQueue {
    const queue = this.fauxqs.queue(String(arn));
    if (!queue) throw notFound("The resource that you specified for the SourceArn parameter doesn't exist.");
    for (const { attributes } of this.fauxqs.allQueues()) {
      if (JSON.parse(attributes.RedrivePolicy || '{}').deadLetterTargetArn === arn) return queue;
    }
    throw invalid('Source queue must be configured as a Dead Letter Queue.');
  }

  /** Moves messages at the task's rate until none is visible. */
  private run(task: Task, source: SqsQueue): void {
    const started = performance.now();
    const timer = setInterval(() => {
      if (task.status === 'RUNNING') {
        const due = Math.floor(((performance.now() - started) / 1000) * task.perSecond) - task.moved;
        this.move(task, source, due);
      }
      if (task.status === 'CANCELLING') task.status = 'CANCELLED';
      if (task.status === 'RUNNING') return;
      clearInterval(timer);
      this.timers.delete(timer);
    }, TICK_MS);
    this.timers.add(timer);
  }

  private move(task: Task, source: SqsQueue, due: number): void {
    for (let left = due; left > 0; left -= 1) {
      const [received] = source.dequeue(1, HIDDEN_SECONDS);
      if (!received) {
        task.status = 'COMPLETED';
        return;
      }
      const message = source.inflightMessages.get(received.ReceiptHandle)?.message as SqsMessage;
      const destination = this.fauxqs.queue(task.destinationArn);
      if (!destination) {
        source.changeVisibility(received.ReceiptHandle, 0);
        task.status = 'FAILED';
        task.failureReason = 'AWS.SimpleQueueService.NonExistentQueue';
        return;
      }
      // Sent before it is deleted, so that nothing is lost wherever this ends.
      destination.enqueue(anew(message, destination));
      source.deleteMessage(received.ReceiptHandle);
      this.sources.delete(message.messageId);
      task.moved += 1;
    }
  }
}

/** The message as SQS sends it again: body, attributes and group are kept; ID, time and counts begin anew. */
function anew(message: SqsMessage, destination: SqsQueue): SqsMessage {
  const { approximateFirstReceiveTimestamp, delayUntil, sequenceNumber, ...kept } = message;
  return {
    ...kept,
    messageId: randomUUID(),
    sentTimestamp: Date.now(),
    approximateReceiveCount: 0,
    ...(destination.isFifo() && { sequenceNumber: destination.nextSequenceNumber() }),
  };
}
