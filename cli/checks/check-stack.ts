import { NOUNS } from '../terminal/words.ts';
import { checkAlarms } from './alarms.ts';
import { checkConcurrency } from './concurrency.ts';
import type { CheckContext } from './context.ts';
import { checkDrift } from './drift.ts';
import { attempt, type Finding } from './finding.ts';
import { checkKeys } from './keys.ts';
import { checkMappings, checkQueues } from './mappings.ts';
import { checkEventsTopic, checkOperationsTopics } from './subscriptions.ts';

/** Runs all checks in parallel, changing nothing. @throws errors that are neither AWS's nor the network's */
export async function checkStack(
  context: CheckContext,
  { drift, history }: { readonly drift: boolean; readonly history: boolean },
): Promise<Finding[]> {
  const findings = [
    attempt(`${NOUNS} topic`, () => checkEventsTopic(context)),
    attempt('mappings', () => checkMappings(context)),
    attempt('queues', () => checkQueues(context)),
    attempt('concurrency', () => checkConcurrency(context)),
    attempt('keys', () => checkKeys(context)),
    attempt('operations topics', () => checkOperationsTopics(context)),
    attempt('alarms', () => checkAlarms(context, { history })),
    ...(drift ? [attempt('drift', () => checkDrift(context), 'leave it out with --no-drift')] : []),
  ];
  return (await Promise.all(findings)).flat();
}
