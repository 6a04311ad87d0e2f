/** Whether the account's concurrency quota suffices for all consumers at their maximum. */
import { GetAccountSettingsCommand, GetFunctionConcurrencyCommand } from '@aws-sdk/client-lambda';
import { readMapping } from '../aws/event-source-mapping.ts';
import { format } from '../terminal/text.ts';
import type { CheckContext } from './context.ts';
import { type Finding, problem, well } from './finding.ts';

/** Lambda's own maximum for a mapping without one: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const UNBOUND = 1_250;

interface Share {
  readonly functionName: string;
  /** Concurrent invocations at most. */
  readonly bound: number;
}

export async function checkConcurrency({ clients: { lambda }, stack }: CheckContext): Promise<Finding[]> {
  const subject = 'concurrency';
  const [settings, ...shares] = await Promise.all([
    lambda.send(new GetAccountSettingsCommand()),
    ...stack.consumers.map(async ({ functionName, eventSourceMappingId }): Promise<Share> => {
      const mapping = await readMapping(lambda, eventSourceMappingId);
      return { functionName, bound: mapping ? (mapping.maxConcurrency ?? UNBOUND) : 0 };
    }),
  ]);
  const { UnreservedConcurrentExecutions: left = 0, ConcurrentExecutions: limit = 0 } =
    settings.AccountLimit ?? {};
  let needed = sumOf(shares);
  if (needed > left) {
    // A function's reserved concurrency is already deducted, and it uses nothing else.
    const reserved = await Promise.all(
      shares.map(({ functionName: FunctionName }) =>
        lambda.send(new GetFunctionConcurrencyCommand({ FunctionName })),
      ),
    );
    needed = sumOf(shares.filter((_, index) => reserved[index]?.ReservedConcurrentExecutions === undefined));
  }
  const has = `the account has ${format(left)} for all functions without a reservation, of ${format(limit)}`;
  if (needed <= left) return [well(subject, `${format(needed)} needed at most; ${has}`)];
  return [
    problem(
      subject,
      `the consumers may take ${format(needed)} at a time, but ${has}`,
      'raise the Lambda quota "Concurrent executions" in Service Quotas, or lower maxConcurrency in lib/config.ts',
    ),
  ];
}

function sumOf(shares: readonly Share[]): number {
  return shares.reduce((sum, { bound }) => sum + bound, 0);
}
