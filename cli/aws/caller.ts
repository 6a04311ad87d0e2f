import { GetCallerIdentityCommand, type STSClient } from '@aws-sdk/client-sts';

/** ARN of whoever makes the calls, or `local`. @throws whatever the SDK throws */
export async function callerOf(sts: STSClient, isLocal: boolean): Promise<string> {
  if (isLocal) return 'local';
  const { Arn = 'unknown' } = await sts.send(new GetCallerIdentityCommand());
  return Arn;
}
