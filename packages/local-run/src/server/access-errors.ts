import { AccessDenied, UnknownAccessKey } from '../iam/access-control.ts';
import { UnmappedOperation } from '../iam/required-permissions.ts';
import { ServiceError } from '../protocol/service-error.ts';

/**
 * What a service answers to a call that may not be made, in its own words.
 * https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * @throws the error itself where it says nothing of access
 */
export function accessError(error: unknown, service: string): ServiceError {
  const { message } = error as Error;
  const status = service === 'dynamodb' ? 400 : 403;
  // SNS and SQS say it otherwise than KMS itself.
  const isOfKey = error instanceof AccessDenied && error.permission.action.startsWith('kms:');
  if (isOfKey && (service === 'sns' || service === 'sqs')) {
    const queryCode = service === 'sns' ? 'KMSAccessDenied' : 'KMS.AccessDeniedException';
    return new ServiceError('KmsAccessDenied', message, { queryCode });
  }
  if (error instanceof AccessDenied) {
    const queryCode = service === 'sns' ? 'AuthorizationError' : 'AccessDenied';
    return new ServiceError('AccessDeniedException', message, { status, queryCode });
  }
  if (error instanceof UnknownAccessKey) {
    const queryCode = service === 's3' ? 'InvalidAccessKeyId' : 'InvalidClientTokenId';
    return new ServiceError('UnrecognizedClientException', message, { status, queryCode });
  }
  if (error instanceof UnmappedOperation) {
    const s3 = { status: 501, queryCode: 'NotImplemented' };
    const others = { queryCode: 'InvalidAction' };
    return new ServiceError('UnknownOperationException', message, service === 's3' ? s3 : others);
  }
  throw error;
}
