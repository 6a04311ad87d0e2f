/** `stop` and `start`: disables and enables the event source mapping of a consumer, and records it. */
import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { type Command, InvalidArgumentError } from 'commander';
import type { ConsumerHandles } from '../../../contract/stack-outputs.ts';
import type { Clients } from '../../aws/clients.ts';
import { Deadline } from '../../aws/deadline.ts';
import { explain } from '../../aws/errors.ts';
import { mappingState, switchMapping } from '../../aws/event-source-mapping.ts';
import { type QueueDepth, queueDepth } from '../../aws/queue-depth.ts';
import { connect, consumerOf, type StackHandles } from '../../aws/stack.ts';
import { OperationsLog } from '../../operations/record.ts';
import { addStackOptions, commandFor, type StackOptions } from '../../options/stack-options.ts';
import { wholeNumber } from '../../options/values.ts';
import { CommandError } from '../../terminal/command-error.ts';
import { INTERRUPTED } from '../../terminal/interrupt.ts';
import type { Io } from '../../terminal/io.ts';
import { progressOf } from '../../terminal/progress.ts';
import { count, duration } from '../../terminal/text.ts';
import { CONSUMER, examples, PRODUCTION } from '../../terminal/words.ts';

interface StopOptions extends StackOptions {
  readonly reason?: string;
  readonly timeout: number;
}

const MAX_REASON = 500;

interface Verb {
  readonly name: 'stop' | 'start';
  readonly wanted: 'Disabled' | 'Enabled';
  readonly done: 'stopped' | 'started';
  readonly doing: string;
  readonly description: string;
  readonly examples: string;
}

const STOP: Verb = {
  name: 'stop',
  wanted: 'Disabled',
  done: 'stopped',
  doing: 'Stopping',
  description: 'Disables the event source mapping of a consumer, so that its messages wait in the queue.',
  examples: `
${examples(
  `stop ${CONSUMER} --local`,
  `stop ${CONSUMER} --reason "the payment service is down" --stack ${PRODUCTION}`,
)}

The messages of a stopped consumer wait in its queue, which deletes them when their retention period ends: the
command says when. Messages already being processed are finished first. A deployment does not start the consumer
again; \`start\` does.

Exits with 0 once the consumer is stopped, even if it was before; with 1 if that takes longer than --timeout, with 2
for wrong usage and with 130 after Ctrl-C.`,
};
const START: Verb = {
  name: 'start',
  wanted: 'Enabled',
  done: 'started',
  doing: 'Starting',
  description: 'Enables the event source mapping of a consumer again.',
  examples: `
${examples(
  `start ${CONSUMER} --local`,
  `start ${CONSUMER} --reason "the payment service is back" --stack ${PRODUCTION}`,
)}

Exits with 0 once the consumer is started, even if it was before; with 1 if that takes longer than --timeout, with 2
for wrong usage and with 130 after Ctrl-C.`,
};

export function define(command: Command, io: Io): void {
  const verb = command.name() === 'stop' ? STOP : START;
  command
    .argument('<consumer>', `the consumer to ${verb.name}`)
    .description(verb.description)
    .option('--reason <text>', 'why, for the operations log', reason)
    .option('--timeout <seconds>', 'how long to wait for it', wholeNumber(1, 3600), 120);
  addStackOptions(command)
    .addHelpText('after', verb.examples)
    .action(async (consumer: string, options: StopOptions) => {
      io.exitCode = await switchConsumer(verb, consumer, options, io);
    });
}

function reason(text: string): string {
  if (text.trim() !== '' && text.length <= MAX_REASON) return text;
  throw new InvalidArgumentError(`It must be a text of 1 to ${MAX_REASON} characters.`);
}

/** Lambda changes a mapping only in one of these states. */
const SETTLED = ['Enabled', 'Disabled'];
const PAUSE_MS = 1_000;
const DAY = 86_400;

/** What the steps of one command share. */
interface Context {
  readonly clients: Clients;
  readonly stack: StackHandles;
  readonly consumer: ConsumerHandles;
  readonly options: StopOptions;
  readonly io: Io;
  readonly signal: AbortSignal;
}

/** @returns the exit code */
async function switchConsumer(verb: Verb, name: string, options: StopOptions, io: Io): Promise<number> {
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const consumer = consumerOf(stack, name);
  const context: Context = { clients, stack, consumer, options, io, signal };
  const deadline = new Deadline(options.timeout * 1000, signal, (reason) => io.say(reason));
  const before = await settle(context, SETTLED, deadline);
  const wasAlready = before === verb.wanted;
  const state = wasAlready || !SETTLED.includes(before) ? before : await recorded(verb, context, deadline);
  if (state === verb.wanted) {
    await report(verb, wasAlready, context);
    return 0;
  }
  io.say(
    signal.aborted
      ? `Stopped waiting: the mapping is ${state}.`
      : `The mapping is still ${state} after ${options.timeout} s.`,
  );
  io.say(`\nNext:\n  ${commandFor(options, verb.name, name)}`);
  return signal.aborted ? INTERRUPTED : 1;
}

/** Switches the mapping and records it. @returns its final state */
async function recorded(verb: Verb, context: Context, deadline: Deadline): Promise<string> {
  const { clients, stack, consumer, options, io } = context;
  const log = new OperationsLog(clients, stack, options, io);
  const end = await log.begin(consumer.name, { operation: verb.name, reason: options.reason });
  const step = progressOf(io, { silent: options.json === true }).step(`${verb.doing} ${consumer.name}`);
  try {
    await switchMapping(clients.lambda, consumer.eventSourceMappingId, verb.wanted === 'Enabled');
    step.update(`${verb.doing} ${consumer.name}: until its mapping is ${verb.wanted}`);
    const state = await settle(context, [verb.wanted], deadline);
    const isDone = state === verb.wanted;
    await end({ outcome: isDone ? 'done' : `not awaited: the mapping was ${state}` });
    if (isDone) step.done(`${consumer.name} is ${verb.done}`);
    else step.fail(`${consumer.name} is not ${verb.done} yet`);
    return state;
  } catch (error) {
    step.fail(`Could not ${verb.name} ${consumer.name}`);
    await end({ outcome: `failed: ${explain(error) ?? 'unexpected error'}` });
    throw error;
  }
}

/** Waits for one of these states, until the deadline. @returns the final state */
async function settle(
  { clients, consumer, stack }: Context,
  states: readonly string[],
  deadline: Deadline,
): Promise<string> {
  for (;;) {
    const state = await deadline.retry(() => mappingState(clients.lambda, consumer.eventSourceMappingId));
    if (state === undefined) {
      throw new CommandError(
        `The event source mapping ${consumer.eventSourceMappingId} of ${consumer.name} does not exist: somebody has deleted it; check the drift of ${stack.name}`,
      );
    }
    if (states.includes(state) || deadline.isOver) return state;
    await deadline.wait(PAUSE_MS);
  }
}

async function report(verb: Verb, wasAlready: boolean, context: Context): Promise<void> {
  const { clients, stack, consumer, options, io } = context;
  const { name, queueUrl } = consumer;
  const known = await lookAtQueue(clients.sqs, queueUrl, io);
  if (options.json) {
    const enabled = verb.wanted === 'Enabled';
    io.printJson({
      stack: stack.name,
      consumer: name,
      enabled,
      changed: !wasAlready,
      waiting: known?.waiting ?? null,
      inFlight: known?.inFlight ?? null,
      retentionSeconds: known?.retentionSeconds ?? null,
    });
    return;
  }
  io.print(wasAlready ? `${name} was ${verb.done} already` : `${name} is ${verb.done}`);
  if (verb.wanted === 'Disabled') {
    const days = known ? inDays(known.retentionSeconds) : 'the retention period of the queue';
    io.print(`Its messages wait in its queue, each for up to ${days} from when it was published`);
  }
  if (known) io.print(`The queue holds ${count(known.waiting + known.inFlight, 'message')}`);
  const next = verb.wanted === 'Enabled' ? ['status'] : ['start', name];
  io.say(`\nNext:\n  ${commandFor(options, ...next)}`);
}

/** What the queue holds, and for how long; undefined if that cannot be read, which is no failure: the mapping is switched. */
async function lookAtQueue(
  sqs: SQSClient,
  queueUrl: string,
  io: Io,
): Promise<(QueueDepth & { readonly retentionSeconds: number }) | undefined> {
  try {
    const [depth, retentionSeconds] = await Promise.all([
      queueDepth(sqs, queueUrl),
      retentionOf(sqs, queueUrl),
    ]);
    return { ...depth, retentionSeconds };
  } catch (error) {
    const reason = explain(error, 'sqs:GetQueueAttributes');
    if (reason === undefined) throw error;
    io.say(`Cannot read what the queue holds: ${reason}`);
    return undefined;
  }
}

async function retentionOf(sqs: SQSClient, QueueUrl: string): Promise<number> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['MessageRetentionPeriod'] }),
  );
  return Number(Attributes.MessageRetentionPeriod);
}

function inDays(seconds: number): string {
  return seconds % DAY === 0 ? count(seconds / DAY, 'day') : duration(seconds);
}
