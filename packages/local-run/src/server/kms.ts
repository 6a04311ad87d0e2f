// KMS's DescribeKey, for the keys of the stacks that run here. They encrypt nothing, and are always enabled.
import { ACCOUNT, REGION } from '../client/account.ts';
import type { Json } from '../protocol/json.ts';
import { ServiceError } from '../protocol/service-error.ts';

/**
 * Answers an operation.
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
  const Arn = keyArn(String(KeyId));
  if (!arns.includes(Arn)) throw new ServiceError('NotFoundException', `Key '${Arn}' does not exist`);
  return { KeyMetadata: { Arn, KeyId: Arn.split('/').at(-1), Enabled: true, KeyState: 'Enabled' } };
}

/** A key is named by its ID or by its ARN. */
function keyArn(key: string): string {
  return key.startsWith('arn:') ? key : `arn:aws:kms:${REGION}:${ACCOUNT}:key/${key}`;
}
