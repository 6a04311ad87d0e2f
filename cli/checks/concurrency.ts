/** Whether the account lets all consumers work as much at a time as they are allowed to. */
import { GetAccountSettingsCommand, GetFunctionConcurrencyCommand } from '@aws-sdk/client-lambda';
import { readMapping } from '../aws/event-source-mapping.ts';
import { format } from '../terminal/text.ts';
import type { CheckContext } from './context.ts';
import { type Finding, problem, well } from './finding.ts';

/** How far Lambda goes for a mapping without a bound: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const UNBOUND = 1_250;

interface Share {
  readonly functionName: string;
  /** The most invocations at a time. */
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
    // What a function has for itself is taken off what is left, and it takes no more of that.
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
