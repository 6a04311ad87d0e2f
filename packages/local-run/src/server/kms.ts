// KMS's DescribeKey, for the keys of the stacks that run here. They encrypt nothing, and are always enabled.
import type { Json } from '../protocol/json.ts';
import { ServiceError } from '../protocol/service-error.ts';

/**
 * Answers an operation on a key, which is named by its ARN.
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
 * @param arns of the keys there are
 * @throws ServiceError as KMS answers with one; for any operation but DescribeKey, that it is not known
 */
export function answerKms(operation: string, { KeyId }: Json, arns: readonly string[]): object {
  if (operation !== 'DescribeKey') {
    throw new ServiceError(
      'UnknownOperationException',
      `The local run answers DescribeKey, not ${operation}`,
    );
  }
  if (!arns.includes(KeyId)) throw new ServiceError('NotFoundException', `Key '${KeyId}' does not exist`);
  return { KeyMetadata: { Arn: KeyId, KeyId: KeyId.split('/').at(-1), Enabled: true, KeyState: 'Enabled' } };
}
