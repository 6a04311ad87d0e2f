import type { Clients } from '../aws/clients.ts';
import type { StackHandles } from '../aws/stack.ts';
import type { StackOptions } from '../options/stack-options.ts';

export interface CheckContext {
  readonly clients: Clients;
  readonly stack: StackHandles;
  readonly options: StackOptions;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
}

/** A topic that alarms notify: pages wake somebody, notices can wait for the morning. */
export interface OperationsTopic {
  readonly severity: 'pages' | 'notices';
  readonly arn: string;
}

export function operationsTopics({ pagesTopicArn, noticesTopicArn }: StackHandles): OperationsTopic[] {
  return [
    { severity: 'pages', arn: pagesTopicArn },
    { severity: 'notices', arn: noticesTopicArn },
  ];
}
