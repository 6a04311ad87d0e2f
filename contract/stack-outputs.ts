/** The outputs that tell the command line what a deployed stack has: names, writer and reader. */
import { kebabCase, pascalCase } from './names.ts';

/** Name of the queue of messages that no consumer's subscription asks for. No consumer may have it. */
export const UNROUTED = 'unrouted';

/** Output with the ARN of the topic that events are published to. @param topic its name, in kebab-case */
export function topicArnOutput(topic: string): string {
  return `${pascalCase(topic)}TopicArn`;
}

/** Name of the topic that outputs tell: a stack of another domain has another. @param outputs their names */
export function topicIn(outputs: Iterable<string>): string | undefined {
  const ofAlarms: readonly string[] = [STACK_OUTPUTS.pagesTopicArn, STACK_OUTPUTS.noticesTopicArn];
  const found = [...outputs].find((each) => /^\w+TopicArn$/.test(each) && !ofAlarms.includes(each));
  return found && kebabCase(found.replace(/TopicArn$/, ''));
}

/** Outputs of the stack as a whole, whatever its topic. */
export const STACK_OUTPUTS = {
  pagesTopicArn: 'PagesTopicArn',
  noticesTopicArn: 'NoticesTopicArn',
  operationsLogGroupName: 'OperationsLogGroupName',
  operatorPolicyArn: 'OperatorPolicyArn',
  unroutedQueueUrl: 'UnroutedQueueUrl',
  /** Only of a stack with an archive. */
  archiveBucketName: 'ArchiveBucketName',
  /** `true` if publishers give each message its group; otherwise left out. */
  fairQueues: 'FairQueues',
} as const;

/**
 * Names of the SSM parameters where publishers in the same account find the topic and its key, if it has one.
 * @param topic its name, in kebab-case
 */
export function publisherParameters(stackName: string, topic: string) {
  return { topicArn: `/${stackName}/${topic}-topic-arn`, keyArn: `/${stackName}/${topic}-key-arn` };
}

/** Outputs of a consumer; `table` and `bucket` are kebab-case names. */
export function consumerOutputs(consumer: string) {
  const id = pascalCase(consumer);
  return {
    queueUrl: `${id}QueueUrl`,
    deadLetterQueueUrl: `${id}DeadLetterQueueUrl`,
    functionName: `${id}FunctionName`,
    eventSourceMappingId: `${id}EventSourceMappingId`,
    logGroupName: `${id}LogGroupName`,
    tableName: (table: string) => `${id}${pascalCase(table)}TableName`,
    bucketName: (bucket: string) => `${id}${pascalCase(bucket)}BucketName`,
  };
}

/**
 * What a table holds, for the command line to find it by:
 * - `records`: a record of each event that creates one, under its ID
 * - `other`: what the command line leaves alone
 * - any other name in kebab-case: what a verb of the domain looks for
 */
export type TableContents = string;

/** A table, as its output describes it. */
export interface TableHandles {
  readonly name: string;
  readonly partitionKey: string;
  readonly holds: TableContents;
}

/** The description of a table's output, such as `Contents: records; key: readingId`. */
export function tableDescription({ holds, partitionKey }: Omit<TableHandles, 'name'>): string {
  return `Contents: ${holds}; key: ${partitionKey}`;
}

function readTableDescription(text: string): Omit<TableHandles, 'name'> | undefined {
  const [, holds, partitionKey] = /^Contents: ([a-z0-9-]+); key: (.+)$/.exec(text) ?? [];
  return holds && partitionKey ? { holds, partitionKey } : undefined;
}

/**
 * What a bucket holds, for the command line to find it by:
 * - `records`: an object for each event that left a record
 * - `other`: what the command line leaves alone
 */
export type BucketContents = 'records' | 'other';

/** A bucket, as its output describes it. */
export interface BucketHandles {
  readonly name: string;
  /** What the keys of the objects begin with that the consumer writes. In a record's key, the ID of its event follows. */
  readonly prefix: string;
  readonly holds: BucketContents;
}

/** The description of a bucket's output, such as `Contents: records; prefix: thumbnails/`. */
export function bucketDescription({ holds, prefix }: Omit<BucketHandles, 'name'>): string {
  return `Contents: ${holds}; prefix: ${prefix}`;
}

function readBucketDescription(text: string): Omit<BucketHandles, 'name'> | undefined {
  const [, holds, prefix] = /^Contents: (records|other); prefix: (.+\/)$/.exec(text) ?? [];
  return holds && prefix ? { holds: holds as BucketContents, prefix } : undefined;
}

/** A consumer, as its outputs describe it. */
export interface ConsumerHandles {
  /** In kebab-case, as in lib/config.ts: `billing`. */
  readonly name: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly functionName: string;
  /** UUID of the event source mapping between its queue and its function. */
  readonly eventSourceMappingId: string;
  /** Where its function logs. */
  readonly logGroup: string;
  /** By their kebab-case names in lib/config.ts. */
  readonly tables: Readonly<Record<string, TableHandles>>;
  readonly buckets: Readonly<Record<string, BucketHandles>>;
}

/** The table with the consumer's record of each event; undefined for a consumer that keeps none. */
export function recordsTable({ tables }: Pick<ConsumerHandles, 'tables'>): TableHandles | undefined {
  return Object.values(tables).find(({ holds }) => holds === 'records');
}

/** The bucket with an object for each event that left a record; undefined for a consumer that keeps none there. */
export function recordsBucket({ buckets }: Pick<ConsumerHandles, 'buckets'>): BucketHandles | undefined {
  return Object.values(buckets).find(({ holds }) => holds === 'records');
}

/** An output in DescribeStacks. */
export interface StackOutput {
  readonly value: string;
  readonly description: string;
}

/**
 * The consumers among a stack's outputs: whatever has a `<Consumer>DeadLetterQueueUrl`, sorted by name.
 * @param missing throws for an output that a consumer lacks
 */
export function readConsumers(
  outputs: ReadonlyMap<string, StackOutput>,
  missing: (output: string) => never,
): ConsumerHandles[] {
  const ids = Array.from(outputs.keys())
    .map((key) => /^(\w+)DeadLetterQueueUrl$/.exec(key)?.[1])
    .filter((id) => id !== undefined)
    .sort();
  const get = (key: string) => outputs.get(key)?.value || missing(key);
  // Of consumers `Image` and `ImageSearch`, the output ImageSearchFilesTableName belongs to the longer one.
  const ownerOf = (key: string) =>
    ids.filter((each) => key.startsWith(each)).sort((a, b) => b.length - a.length)[0];
  return ids.map((id) => {
    const name = kebabCase(id);
    const keys = consumerOutputs(name);
    const own = [...outputs].filter(([key]) => ownerOf(key) === id);
    return {
      name,
      queueUrl: get(keys.queueUrl),
      deadLetterQueueUrl: get(keys.deadLetterQueueUrl),
      functionName: get(keys.functionName),
      eventSourceMappingId: get(keys.eventSourceMappingId),
      logGroup: get(keys.logGroupName),
      tables: readStores(own, new RegExp(`^${id}([A-Z]\\w*)TableName$`), readTableDescription, missing),
      buckets: readStores(own, new RegExp(`^${id}([A-Z]\\w*)BucketName$`), readBucketDescription, missing),
    };
  });
}

/**
 * Tables, or buckets, among a consumer's outputs.
 * @param outputOf matches the name of such an output, and in it the name of the table or bucket
 */
function readStores<T extends object>(
  own: readonly [string, StackOutput][],
  outputOf: RegExp,
  read: (description: string) => T | undefined,
  missing: (output: string) => never,
): Record<string, T & { readonly name: string }> {
  const stores: Record<string, T & { readonly name: string }> = {};
  for (const [key, { value, description }] of own) {
    const [, store] = outputOf.exec(key) ?? [];
    if (!store) continue;
    stores[kebabCase(store)] = {
      name: value,
      ...(read(description) ?? missing(`${key} with a description`)),
    };
  }
  return stores;
}
