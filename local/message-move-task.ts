// SQS's redrive out of a dead-letter queue, which fauxqs does not have: start, list and cancel a message move task.
import { randomUUID } from 'node:crypto';
import type { buildApp } from 'fauxqs';

/** What is used here of fauxqs's message, queue and store. */
interface Message {
  messageId: string;
  sentTimestamp: number;
  approximateReceiveCount: number;
  approximateFirstReceiveTimestamp?: number;
  delayUntil?: number;
  sequenceNumber?: string;
}
interface Queue {
  arn: string;
  name: string;
  attributes: Record<string, string>;
  inflightMessages: Map<string, { message: Message }>;
  isFifo(): boolean;
  processTimers(): void;
  getAttribute(name: string): string | undefined;
  dequeue(max: number, visibilitySeconds: number): { ReceiptHandle: string }[];
  changeVisibility(receiptHandle: string, seconds: number): void;
  deleteMessage(receiptHandle: string): boolean;
  enqueue(message: Message): void;
  nextSequenceNumber(): string;
}
/** A message as an answer to ReceiveMessage holds it. */
interface Received {
  MessageId: string;
  Attributes?: Record<string, string>;
}
interface Store {
  getQueueByArn(arn: string): Queue | undefined;
  getQueueByName(name: string): Queue | undefined;
  allQueues(): Iterable<Queue>;
}

type Status = 'RUNNING' | 'COMPLETED' | 'CANCELLING' | 'CANCELLED' | 'FAILED';
interface Task {
  handle: string;
  status: Status;
  sourceArn: string;
  destinationArn?: string;
  perSecond?: number;
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

class Refusal extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
const invalid = (message: string) => new Refusal('InvalidParameterValue', message);
const notFound = (message: string) => new Refusal('ResourceNotFoundException', message, 404);

/**
 * The message move tasks of one store. Words of refusals are those of SQS, as recorded by
 * https://github.com/localstack/localstack/blob/main/tests/aws/services/sqs/test_sqs_move_task.snapshot.json
 */
export class MessageMoveTasks {
  private readonly store: Store;
  private readonly tasks: Task[] = [];
  /** Message → queue that SQS itself moved it from. What a handler or SNS sent to a dead-letter queue has no source. */
  private readonly sources = new Map<string, string>();
  private readonly timers = new Set<NodeJS.Timeout>();

  /** Answers the three actions in front of `app`, whose store this is. */
  constructor(app: ReturnType<typeof buildApp>, store: unknown) {
    this.store = store as Store;
    const actions: Record<string, (input: Record<string, unknown>) => object> = {
      'AmazonSQS.StartMessageMoveTask': (input) => this.start(input),
      'AmazonSQS.ListMessageMoveTasks': (input) => this.list(input),
      'AmazonSQS.CancelMessageMoveTask': (input) => this.cancel(input),
    };
    app.addHook('preHandler', async (request, reply) => {
      const action = actions[String(request.headers['x-amz-target'])];
      if (!action) return;
      reply.header('content-type', 'application/x-amz-json-1.0');
      try {
        return reply.send(JSON.stringify(action((request.body ?? {}) as Record<string, unknown>)));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return reply
          .code(error.status)
          .header('x-amzn-query-error', `${error.code};Sender`)
          .send(JSON.stringify({ __type: `com.amazonaws.sqs#${error.code}`, message: error.message }));
      }
    });
    app.addHook('preSerialization', async (request, _reply, payload) => {
      if (request.headers['x-amz-target'] === 'AmazonSQS.ReceiveMessage') this.tellSources(payload);
      return payload;
    });
  }

  /** Adds DeadLetterQueueSourceArn, which fauxqs does not know, to messages whose attributes were asked for. */
  private tellSources(answer: unknown): void {
    const { Messages = [] } = answer as { Messages?: Received[] };
    for (const { MessageId, Attributes } of Messages) {
      const arn = this.store.getQueueByName(this.sources.get(MessageId) ?? '')?.arn;
      if (Attributes && arn) Attributes.DeadLetterQueueSourceArn = arn;
    }
  }

  /** Tells that SQS itself moved a message out of a queue to that queue's dead-letter queue. */
  noteMoved(messageId: string, queueName: string): void {
    this.sources.set(messageId, queueName);
  }

  /** Ends what is under way. */
  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers.clear();
  }

  private start(input: Record<string, unknown>): object {
    const source = this.source(input.SourceArn);
    const destinationArn = input.DestinationArn === undefined ? undefined : String(input.DestinationArn);
    if (destinationArn !== undefined) {
      const destination = this.store.getQueueByArn(destinationArn);
      if (!destination) {
        throw notFound("The resource that you specified for the DestinationArn parameter doesn't exist.");
      }
      if (destination.isFifo() !== source.isFifo()) {
        throw invalid('The source queue and destination queue must be of the same queue type.');
      }
    }
    const perSecond = input.MaxNumberOfMessagesPerSecond;
    if (
      perSecond !== undefined &&
      !(Number.isInteger(perSecond) && Number(perSecond) >= 1 && Number(perSecond) <= MOST_PER_SECOND)
    ) {
      throw invalid(
        `Value ${perSecond} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and ${MOST_PER_SECOND}.`,
      );
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
      ...(destinationArn !== undefined && { destinationArn }),
      ...(perSecond !== undefined && { perSecond: Number(perSecond) }),
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
        ...(task.status === 'RUNNING' && { TaskHandle: task.handle }),
        Status: task.status,
        SourceArn: task.sourceArn,
        ...(task.destinationArn && { DestinationArn: task.destinationArn }),
        ...(task.perSecond && { MaxNumberOfMessagesPerSecond: task.perSecond }),
        ApproximateNumberOfMessagesMoved: task.moved,
        ApproximateNumberOfMessagesToMove: task.toMove,
        ...(task.failureReason && { FailureReason: task.failureReason }),
        StartedTimestamp: task.startedAt,
      })),
    };
  }

  private cancel(input: Record<string, unknown>): object {
    const handle = String(input.TaskHandle);
    let sourceArn: unknown;
    try {
      ({ sourceArn } = JSON.parse(Buffer.from(handle, 'base64').toString('utf8')));
    } catch {
      throw invalid('Value for parameter TaskHandle is invalid.');
    }
    if (!this.store.getQueueByArn(String(sourceArn))) {
      throw notFound("The resource that you specified for the SourceArn parameter doesn't exist.");
    }
    const task = this.tasks.find((each) => each.handle === handle && each.status === 'RUNNING');
    if (!task) throw notFound('Task does not exist.');
    task.status = 'CANCELLING';
    return { ApproximateNumberOfMessagesMoved: task.moved };
  }

  private source(arn: unknown): Queue {
    const queue = this.store.getQueueByArn(String(arn));
    if (!queue) throw notFound("The resource that you specified for the SourceArn parameter doesn't exist.");
    for (const { attributes } of this.store.allQueues()) {
      if (attributes.RedrivePolicy && JSON.parse(attributes.RedrivePolicy).deadLetterTargetArn === arn) {
        return queue;
      }
    }
    throw invalid('Source queue must be configured as a Dead Letter Queue.');
  }

  /** Moves messages at the task's rate until none is visible. */
  private run(task: Task, source: Queue): void {
    const started = performance.now();
    const rate = task.perSecond ?? MOST_PER_SECOND;
    const timer = setInterval(() => {
      if (task.status === 'RUNNING') {
        const due = Math.floor(((performance.now() - started) / 1000) * rate) - task.moved;
        this.move(task, source, due);
      }
      if (task.status === 'CANCELLING') task.status = 'CANCELLED';
      if (task.status === 'RUNNING') return;
      clearInterval(timer);
      this.timers.delete(timer);
    }, TICK_MS);
    this.timers.add(timer);
  }

  private move(task: Task, source: Queue, due: number): void {
    for (let left = due; left > 0; left -= 1) {
      const [received] = source.dequeue(1, HIDDEN_SECONDS);
      if (!received) {
        task.status = 'COMPLETED';
        return;
      }
      const message = source.inflightMessages.get(received.ReceiptHandle)?.message as Message;
      const destination = this.destination(task, message);
      if (!destination) {
        source.changeVisibility(received.ReceiptHandle, 0);
        task.status = 'FAILED';
        task.failureReason = task.destinationArn
          ? 'AWS.SimpleQueueService.NonExistentQueue'
          : 'CouldNotDetermineMessageSource';
        return;
      }
      // Sent before it is deleted, so that nothing is lost wherever this ends.
      destination.enqueue(anew(message, destination));
      source.deleteMessage(received.ReceiptHandle);
      this.sources.delete(message.messageId);
      task.moved += 1;
    }
  }

  private destination(task: Task, { messageId }: Message): Queue | undefined {
    if (task.destinationArn) return this.store.getQueueByArn(task.destinationArn);
    const name = this.sources.get(messageId);
    return name === undefined ? undefined : this.store.getQueueByName(name);
  }
}

/** The message as SQS sends it again: body, attributes and group are kept; ID, time and counts begin anew. */
function anew(message: Message, destination: Queue): Message {
  const { approximateFirstReceiveTimestamp, delayUntil, sequenceNumber, ...kept } = message;
  return {
    ...kept,
    messageId: randomUUID(),
    sentTimestamp: Date.now(),
    approximateReceiveCount: 0,
    ...(destination.isFifo() && { sequenceNumber: destination.nextSequenceNumber() }),
  };
}
