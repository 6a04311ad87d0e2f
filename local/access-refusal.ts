// How each service's protocol says that a call may not be made.
import { AccessDenied, UnknownAccessKey } from './access.ts';
import { refusal as queryRefusal } from './cloudformation.ts';
import { UnmappedOperation } from './iam-actions.ts';

/** An HTTP answer. */
export interface Refusal {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What DynamoDB and SQS call an error, and what the Query protocol does. */
interface Names {
  status: number;
  json: string;
  query: string;
}

const JSON_SERVICES = ['dynamodb', 'sqs', 'monitoring'];

/**
 * The answer to a call that is not let through, in the words of the service.
 * https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
 * @throws the error itself where it is none of these
 */
export function refusalOf(error: unknown, service: string): Refusal {
  const { message } = error as Error;
  const { status, json, query } = namesOf(error, service);
  if (JSON_SERVICES.includes(service)) {
    return {
      status: service === 'dynamodb' ? 400 : status,
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        // Clients that knew an older protocol of SQS or CloudWatch still read its error codes, from here.
        ...(service !== 'dynamodb' && { 'x-amzn-query-error': `${query};Sender` }),
      },
      body: JSON.stringify({ __type: `com.amazon.coral.service#${json}`, message }),
    };
  }
  return { status, headers: { 'content-type': 'text/xml' }, body: queryRefusal(query, message).xml };
}

function namesOf(error: unknown, service: string): Names {
  if (error instanceof AccessDenied) {
    if (error.need.action.startsWith('kms:'))
      return {
        status: 400,
        json: 'KmsAccessDenied',
        query: service === 'sns' ? 'KMSAccessDenied' : 'KMS.AccessDeniedException',
      };
    return {
      status: 403,
      json: 'AccessDeniedException',
      query: service === 'sns' ? 'AuthorizationError' : 'AccessDenied',
    };
  }
  if (error instanceof UnknownAccessKey)
    return { status: 403, json: 'UnrecognizedClientException', query: 'InvalidClientTokenId' };
  if (error instanceof UnmappedOperation)
    return { status: 400, json: 'UnknownOperationException', query: 'InvalidAction' };
  throw error;
}
