import type http from 'node:http';

/** Who signed a request, and for what; empty texts where it has no signature. */
export interface Signature {
  accessKeyId: string;
  region: string;
  /** Name the request is signed for: `sqs`. */
  service: string;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html */
export function signatureOf({ headers }: http.IncomingMessage): Signature {
  // Credential=key/date/region/service/aws4_request
  const [, accessKeyId = '', region = '', service = ''] =
    /Credential=([^/\s]+)\/\d+\/([^/]+)\/([^/]+)\//.exec(headers.authorization ?? '') ?? [];
  return { accessKeyId, region, service };
}
