/** Finds a deployed stack, on AWS or on this machine, and reads its outputs. */
import { type CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { domain } from '#domain';
import { ARCHIVE } from '../../contract/archive.ts';
import {
  type ConsumerHandles,
  readConsumers,
  recordsBucket,
  recordsTable,
  STACK_OUTPUTS,
  type TableContents,
  topicArnOutput,
  topicIn,
} from '../../contract/stack-outputs.ts';
import { domainNames } from '../options/domain.ts';
import type { StackOptions } from '../options/stack-options.ts';
import { CommandError, usageError } from '../terminal/command-error.ts';
import type { Io } from '../terminal/io.ts';
import { CONDITION } from '../terminal/words.ts';
import { type ClientOptions, type Clients, createClients, destroyClients } from './clients.ts';
import { localStack } from './local-stack.ts';

/** What a command needs to know of a stack. */
export interface StackHandles {
  readonly name: string;
  readonly region: string;
  /** The topic that events are published to. */
  readonly topicArn: string;
  /** Sorted by name; the archive, if there is one, is among them. */
  readonly consumers: readonly ConsumerHandles[];
  /** Where alarms are announced: pages have to wake somebody, notices can wait until morning. */
  readonly pagesTopicArn: string;
  readonly noticesTopicArn: string;
  /** Where the archive keeps its objects; undefined for a stack without one. */
  readonly archiveBucket?: string | undefined;
  /** The queue of messages that no consumer's subscription asks for. */
  readonly unroutedQueueUrl: string;
  /** Publishers give each message a group. */
  readonly fairQueues: boolean;
  /** Where operations are recorded. */
  readonly operationsLogGroup: string;
}

/** The clients, until the command ends, and the stack that `options` name. @throws CommandError for a stack that cannot be found or reached */
export async function connect(
  options: StackOptions,
  io: Io,
): Promise<{ clients: Clients; stack: StackHandles }> {
  const { name, ...settings } = options.local
    ? localStack()
    : { name: options.stack, ...clientOptions(options) };
  const clients = createClients(settings);
  io.atEnd(() => destroyClients(clients));
  return { clients, stack: await findStack(clients.cloudFormation, name) };
}

/**
 * The consumer that the user named.
 * @throws CommandError, wrong usage, with the existing names
 */
export function consumerOf({ name: stackName, consumers }: StackHandles, name: string): ConsumerHandles {
  const found = consumers.find((each) => each.name === name);
  if (found) return found;
  const names = consumers.map((each) => each.name).join(', ');
  throw usageError(`No consumer "${name}" in ${stackName}: it has ${names}`);
}

/** The consumers that keep a record of each event, if the domain can read it: not the archive, for one. */
export function recordingConsumers({ consumers }: Pick<StackHandles, 'consumers'>): ConsumerHandles[] {
  if (!domain.endState) return [];
  return consumers.filter((consumer) => recordsTable(consumer) ?? recordsBucket(consumer));
}

/** The consumers of events: the archive keeps messages as they are, whatever they say. */
export function allButArchive({ consumers }: StackHandles): ConsumerHandles[] {
  return consumers.filter(({ name }) => name !== ARCHIVE);
}

/** Name of the table with such contents. @throws CommandError for a stack without one */
export function tableThatHolds(holds: TableContents, { name, consumers }: StackHandles): string {
  const tables = consumers.flatMap((consumer) => Object.values(consumer.tables));
  const found = tables.find((table) => table.holds === holds);
  if (found) return found.name;
  throw new CommandError(`No consumer of ${name} has a table that holds ${holds}`);
}

/** The command that deploys a stack of this name: the app knows the stage only from its context. */
export function deployCommand(name: string): string {
  const stage = /-prod$/.test(name) ? ' -c stage=prod' : '';
  const app = CONDITION === undefined ? '' : ` --app "node --conditions=${CONDITION} bin/app.ts"`;
  return `npx cdk deploy ${name}${stage}${app}`;
}

/** What to type for the domain with this topic: a domain is named after it. */
function choiceOf(topic: string): string {
  if (domainNames().includes(topic)) return `add \`--domain ${topic}\``;
  return CONDITION === undefined
    ? 'this project has none of the kind'
    : `leave out \`--domain ${CONDITION}\``;
}

/** The settings of clients for AWS. */
export function clientOptions({ region, profile }: Pick<StackOptions, 'region' | 'profile'>): ClientOptions {
  return { ...(region !== undefined && { region }), ...(profile !== undefined && { profile }) };
}

/**
 * Reads a stack's outputs. Consumers are whatever has a `<Consumer>DeadLetterQueueUrl`.
 * @throws CommandError for a stack that does not exist or is no fan-out; whatever the SDK throws
 */
export async function findStack(cloudFormation: CloudFormationClient, name: string): Promise<StackHandles> {
  const region = await cloudFormation.config.region();
  const found = await cloudFormation.send(new DescribeStacksCommand({ StackName: name })).catch((error) => {
    if (!/does not exist/.test(error?.message)) throw error;
    throw new CommandError(
      `No stack "${name}" in ${region}: deploy it with \`${deployCommand(name)}\`, or name another with --stack or --region`,
    );
  });
  const [stack] = found.Stacks ?? [];
  if (!stack) {
    throw new CommandError(
      `The answer about stack "${name}" in ${region} is not CloudFormation's: check AWS_ENDPOINT_URL, and any proxy`,
    );
  }
  const outputs = new Map(
    stack.Outputs?.map(({ OutputKey = '', OutputValue: value = '', Description: description = '' }) => [
      OutputKey,
      { value, description },
    ]),
  );
  const value = (output: string) => outputs.get(output)?.value;
  const topicArn = value(topicArnOutput(domain.topic));
  if (!topicArn) {
    const other = topicIn(outputs.keys());
    throw new CommandError(
      other === undefined
        ? `Stack "${name}" in ${region} (${stack.StackStatus}) has no output ${topicArnOutput(domain.topic)}: it is not deployed completely, or it is another kind of stack`
        : `Stack "${name}" in ${region} is of another domain, ${other}: ${choiceOf(other)}`,
    );
  }
  const missing = (output: string): never => {
    throw new CommandError(
      `Stack "${name}" has no output ${output}: deploy its current version with \`${deployCommand(name)}\``,
    );
  };
  const required = (output: string) => value(output) || missing(output);
  return {
    name,
    region,
    topicArn,
    consumers: readConsumers(outputs, missing),
    pagesTopicArn: required(STACK_OUTPUTS.pagesTopicArn),
    noticesTopicArn: required(STACK_OUTPUTS.noticesTopicArn),
    unroutedQueueUrl: required(STACK_OUTPUTS.unroutedQueueUrl),
    operationsLogGroup: required(STACK_OUTPUTS.operationsLogGroupName),
    archiveBucket: value(STACK_OUTPUTS.archiveBucketName),
    fairQueues: value(STACK_OUTPUTS.fairQueues) === 'true',
  };
}
