// What S3 answers otherwise than fauxqs does.

import { errorAnswer, type HttpAnswer, xmlAnswer } from '../protocol/http-answer.ts';
import { ServiceError } from '../protocol/service-error.ts';
import { listObjects } from '../s3/object-listing.ts';
import type { Fauxqs } from './fauxqs.ts';
import type { FauxqsRequest } from './request.ts';

/**
 * Lets fauxqs answer as S3 does.
 * @param denialOf the answer to a request that its signer may not make; undefined for any other
 */
export function answerAsS3(
  fauxqs: Fauxqs,
  denialOf: (request: FauxqsRequest) => HttpAnswer | undefined,
): void {
  fauxqs.intercept((request) => {
    if (request.service !== 's3') return undefined;
    const { operation, input } = request;
    const objects = fauxqs.objectsIn(input.Bucket);
    if (!objects) return undefined;
    const isThere = objects.has(input.Key);
    if (operation === 'ListObjectsV2') return xmlAnswer(listObjects(objects.values(), input));
    // Only who may list a bucket is told what is not in it.
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    if ((operation === 'GetObject' || operation === 'HeadObject') && !isThere) {
      return denialOf({ ...request, operation: 'ListObjectsV2', input: { Bucket: input.Bucket } });
    }
    if (operation === 'PutObject' && input.IfNoneMatch !== undefined) {
      return refusalOfWrite(input.IfNoneMatch, isThere);
    }
    return undefined;
  });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html */
function refusalOfWrite(ifNoneMatch: string, isThere: boolean): HttpAnswer | undefined {
  if (ifNoneMatch !== '*') {
    const message = 'A header you provided implies functionality that is not implemented';
    return errorAnswer('s3', new ServiceError('NotImplemented', message, { status: 501 }));
  }
  const message = 'At least one of the pre-conditions you specified did not hold';
  return isThere
    ? errorAnswer('s3', new ServiceError('PreconditionFailed', message, { status: 412 }))
    : undefined;
}
