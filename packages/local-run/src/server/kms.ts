// KMS's DescribeKey, for the keys of the stacks that run here. They encrypt nothing, and are always enabled.
import type { Json } from '../protocol/json.ts';
import { ServiceError } from '../protocol/service-error.ts';

/**
 * Answers DescribeKey, for a key that is named by its ARN.
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
 * @param arns of the keys there are
 * @throws ServiceError for any other
 */
export function describeKey({ KeyId: Arn }: Json, arns: readonly string[]): object {
  if (!arns.includes(Arn)) throw new ServiceError('NotFoundException', `Key '${Arn}' does not exist`);
  return { KeyMetadata: { Arn, KeyId: Arn.split('/').at(-1), Enabled: true, KeyState: 'Enabled' } };
}
