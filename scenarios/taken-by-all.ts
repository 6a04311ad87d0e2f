import { readAssembly } from '@order-fan-out/local-run/template/assembly';
import { type FilterPolicy, passes } from '../cli/outcomes/filter-policy.ts';
import type { OutgoingMessage } from '../cli/publishing/batches.ts';

/**
 * Whether every consumer takes a message, by the filter policies in a template. That of the queue for what nobody takes has
 * conditions, where those of consumers have lists of strings.
 * @param assembly folder of the cloud assembly
 */
export function takenByAll(assembly: string): (message: OutgoingMessage) => boolean {
  const policies = Object.values(readAssembly(assembly).template.Resources)
    .filter(({ Type }) => Type === 'AWS::SNS::Subscription')
    .map(({ Properties }) => (Properties?.FilterPolicy ?? {}) as FilterPolicy)
    .filter((policy) =>
      Object.values(policy).every((values) => values.every((each) => typeof each === 'string')),
    );
  return ({ attributes }) => policies.every((policy) => passes(policy, attributes));
}
