/** Whether each consumer takes messages from its queue, and the queue has its dead-letter queue. */
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { readMapping } from '../aws/event-source-mapping.ts';
import { deployCommand } from '../aws/stack.ts';
import { commandFor } from '../options/stack-options.ts';
import { count } from '../terminal/text.ts';
import type { CheckContext } from './context.ts';
import { type Finding, problem, problemsAmong } from './finding.ts';

export async function checkMappings({ clients, stack, options }: CheckContext): Promise<Finding[]> {
  const subject = 'mappings';
  const findings = stack.consumers.map(async ({ name, eventSourceMappingId }) => {
    const mapping = await readMapping(clients.lambda, eventSourceMappingId);
    if (mapping === undefined) {
      const toDo = `recreate it with \`${deployCommand(stack.name)} --revert-drift\``;
      return problem(subject, `that of ${name} is gone: nothing reads its messages`, toDo);
    }
    if (mapping.state === 'Enabled') return undefined;
    const toDo = `\`${commandFor(options, 'start', name)}\`, unless it was stopped on purpose`;
    return problem(subject, `that of ${name} is ${mapping.state}: its messages wait in the queue`, toDo);
  });
  return problemsAmong(findings, subject, `${count(stack.consumers.length, 'consumer')} on`);
}

export async function checkQueues({ clients, stack }: CheckContext): Promise<Finding[]> {
  const subject = 'queues';
  const findings = stack.consumers.map(async ({ name, queueUrl, deadLetterQueueUrl }) => {
    const { Attributes = {} } = await clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['RedrivePolicy'] }),
    );
    const target = /"deadLetterTargetArn" *: *"([^"]*)"/.exec(Attributes.RedrivePolicy ?? '')?.[1];
    if (target?.split(':').at(-1) === deadLetterQueueUrl.split('/').at(-1)) return undefined;
    return problem(
      subject,
      `that of ${name} has no redrive policy to its dead-letter queue: a message that crashes the function is retried until it expires`,
      `set it again with \`${deployCommand(stack.name)} --revert-drift\``,
    );
  });
  return problemsAmong(
    findings,
    subject,
    `${count(stack.consumers.length, 'queue')} with a dead-letter queue`,
  );
}
