import type { Clients } from '../aws/clients.ts';
import type { StackHandles } from '../aws/stack.ts';
import type { StackOptions } from '../options/stack-options.ts';

/** What every check is given. */
export interface CheckContext {
  readonly clients: Clients;
  readonly stack: StackHandles;
  readonly options: StackOptions;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
}

/** What alarms are announced on: pages have to wake somebody, notices can wait for the morning. */
export interface OperationsTopic {
  readonly severity: 'pages' | 'notices';
  readonly arn: string;
}

/** Those that the stack's outputs name; none of a stack that was deployed before it had them. */
export function operationsTopics({ pagesTopicArn, noticesTopicArn }: StackHandles): OperationsTopic[] {
  return [
    ...(pagesTopicArn ? [{ severity: 'pages', arn: pagesTopicArn } as const] : []),
    ...(noticesTopicArn ? [{ severity: 'notices', arn: noticesTopicArn } as const] : []),
  ];
}
