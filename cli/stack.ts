// Finds a deployed stack, on AWS or on this machine, and what it says of itself in its outputs.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { type Command, Option } from 'commander';
import { type ConsumerHandles, readConsumers, STACK_OUTPUTS } from '../contract/stack-outputs.ts';
import { type ClientOptions, type Clients, createClients, LOCAL_CREDENTIALS } from './clients.ts';
import { Fault, wrongUsage } from './fault.ts';

/** What a command needs to know of a stack. */
export interface StackHandles {
  readonly name: string;
  /** Absent where only the clients' own settings know it. */
  readonly region?: string;
  /** The topic that orders are published to. */
  readonly topicArn: string;
  /** In the order of their names. */
  readonly consumers: readonly ConsumerHandles[];
  /** Where it is kept what operators did; absent where the stack has no such log group. */
  readonly operationsLogGroup?: string;
}

/** Which stack a command is about; the options that every command has. */
export interface StackOptions {
  readonly stack: string;
  readonly local?: boolean;
  readonly region?: string;
  readonly profile?: string;
}

const DEFAULT_STACK = 'OrderFanOut-dev';

/** Where a kept local stack has its files; another folder lets a second one run beside it. */
export const LOCAL_DIRECTORY =
  process.env.LOCAL_STACK_DIRECTORY ?? fileURLToPath(new URL('../.local', import.meta.url));
/** Where a running local stack says how to reach it. */
export const LOCAL_ENDPOINT_FILE = path.join(LOCAL_DIRECTORY, 'endpoint.json');

const START_LOCAL = 'start it in another terminal with `npm start -- --keep`';

/** Gives a command the options of StackOptions. */
export function addStackOptions(command: Command): Command {
  return command
    .option('--stack <name>', 'the CloudFormation stack', DEFAULT_STACK)
    .addOption(
      new Option('--local', 'the stack that runs on this machine (npm start -- --keep)').conflicts([
        'stack',
        'region',
        'profile',
      ]),
    )
    .option('--region <region>', 'AWS region, if not the one of the environment')
    .option('--profile <name>', 'profile of ~/.aws, if not the one of the environment');
}

/** The clients and the stack that `options` name. @throws Fault for a stack that cannot be found or reached */
export async function connect(options: StackOptions): Promise<{ clients: Clients; stack: StackHandles }> {
  const { name, ...settings } = options.local
    ? localStack()
    : { name: options.stack, ...clientOptions(options) };
  const clients = createClients(settings);
  return { clients, stack: await findStack(clients.cloudFormation, name) };
}

/**
 * The consumer that the user named.
 * @throws Fault, wrong usage, with the names there are
 */
export function consumerOf({ name: stackName, consumers }: StackHandles, name: string): ConsumerHandles {
  const found = consumers.find((each) => each.name === name);
  if (found) return found;
  const names = consumers.map((each) => each.name).join(', ');
  throw wrongUsage(`No consumer "${name}" in ${stackName}: it has ${names}`);
}

/** A command for the same stack, as one types it: `npm run orders -- failed billing --local`. */
export function commandFor(options: StackOptions, ...args: string[]): string {
  const { stack, local, region, profile } = options;
  const which = [
    ...(local ? ['--local'] : []),
    ...(stack === DEFAULT_STACK || local ? [] : ['--stack', stack]),
    ...(region === undefined ? [] : ['--region', region]),
    ...(profile === undefined ? [] : ['--profile', profile]),
  ];
  return ['npm run orders --', ...args, ...which].join(' ');
}

/** The settings of clients for AWS. */
export function clientOptions({ region, profile }: Pick<StackOptions, 'region' | 'profile'>): ClientOptions {
  return { ...(region !== undefined && { region }), ...(profile !== undefined && { profile }) };
}

/**
 * Name of the running local stack, and how to reach it.
 * @throws Fault where none is running
 */
export function localStack(file = LOCAL_ENDPOINT_FILE): ClientOptions & { name: string } {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch {
    throw new Fault(`The local stack is not running: ${START_LOCAL}`);
  }
  const { endpoint, stackName, region, pid } = parseEndpoint(text, file);
  if (!isRunning(pid)) {
    throw new Fault(`The local stack is not running, its process ${pid} is gone: ${START_LOCAL}`);
  }
  return { name: stackName, endpoint, region, credentials: LOCAL_CREDENTIALS };
}

/**
 * Reads a stack's outputs. Consumers are whatever has a `<Consumer>DeadLetterQueueUrl`.
 * @throws Fault for a stack that is not there or is no order fan-out; whatever the SDK throws
 */
export async function findStack(cloudFormation: CloudFormationClient, name: string): Promise<StackHandles> {
  const region = await cloudFormation.config.region();
  const found = await cloudFormation.send(new DescribeStacksCommand({ StackName: name })).catch((error) => {
    if (!/does not exist/.test(error?.message)) throw error;
    throw new Fault(
      `No stack "${name}" in ${region}: deploy it with \`npx cdk deploy ${name}\`, or name another with --stack or --region`,
    );
  });
  const stack = found.Stacks?.[0];
  const outputs = new Map(
    stack?.Outputs?.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
  );
  const topicArn = outputs.get(STACK_OUTPUTS.ordersTopicArn);
  if (!topicArn) {
    throw new Fault(
      `Stack "${name}" in ${region} (${stack?.StackStatus}) has no output ${STACK_OUTPUTS.ordersTopicArn}: it is not deployed completely, or it is another kind of stack`,
    );
  }
  const operationsLogGroup = outputs.get(STACK_OUTPUTS.operationsLogGroupName);
  const missing = (output: string): never => {
    throw new Fault(
      `Stack "${name}" has no output ${output}: deploy its current version with \`npx cdk deploy ${name}\``,
    );
  };
  return {
    name,
    region,
    topicArn,
    consumers: readConsumers(outputs, missing),
    ...(operationsLogGroup && { operationsLogGroup }),
  };
}

function parseEndpoint(text: string, file: string) {
  let value: { endpoint?: unknown; stackName?: unknown; region?: unknown; pid?: unknown };
  try {
    value = JSON.parse(text) ?? {};
  } catch {
    value = {};
  }
  const { endpoint, stackName, region, pid } = value;
  const isComplete =
    typeof endpoint === 'string' &&
    typeof stackName === 'string' &&
    typeof region === 'string' &&
    typeof pid === 'number' &&
    pid > 0;
  if (!isComplete) throw new Fault(`${file} is not what a local stack writes: remove it, and ${START_LOCAL}`);
  const host = URL.parse(endpoint)?.hostname;
  if (host !== '127.0.0.1' && host !== 'localhost') {
    throw wrongUsage(`${file} names the endpoint ${endpoint}, but a local stack is on 127.0.0.1`);
  }
  return { endpoint, stackName, region, pid };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
