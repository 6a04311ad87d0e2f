// Answers in the protocols that AWS's services speak: JSON, REST with JSON, and the older Query protocol, whose answers are XML.
import type { ServiceError } from './service-error.ts';

/** An answer, ready to be sent. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** The names that services of the JSON protocol have in the types of their errors. */
const NAMESPACES = new Map([
  ['dynamodb', 'com.amazonaws.dynamodb.v20120810'],
  ['kms', 'com.amazonaws.kms'],
  ['monitoring', 'com.amazonaws.cloudwatch'],
  ['sqs', 'com.amazonaws.sqs'],
]);
const JSON_HEADERS = { 'content-type': 'application/x-amz-json-1.0' };

export const jsonAnswer = (value: unknown, status = 200): HttpAnswer => ({
  status,
  headers: JSON_HEADERS,
  body: JSON.stringify(value),
});

export const xmlAnswer = (body: string, status = 200): HttpAnswer => ({
  status,
  headers: { 'content-type': 'text/xml' },
  body,
});

/** An error in the protocol of the service, by the name that requests are signed for. */
export function errorAnswer(service: string, { code, queryCode, message, status }: ServiceError): HttpAnswer {
  if (service === 'lambda') {
    const { headers, ...answer } = jsonAnswer({ Type: 'User', Message: message }, status);
    return { ...answer, headers: { ...headers, 'x-amzn-errortype': code } };
  }
  // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
  if (service === 's3') {
    return xmlAnswer(tag('Error', tag('Code', queryCode) + tag('Message', escapeXml(message))), status);
  }
  const namespace = NAMESPACES.get(service);
  const atFault = status < 500 ? 'Sender' : 'Receiver';
  if (namespace === undefined) {
    const error = tag('Type', atFault) + tag('Code', queryCode) + tag('Message', escapeXml(message));
    return xmlAnswer(tag('ErrorResponse', tag('Error', error)), status);
  }
  const answer = jsonAnswer({ __type: `${namespace}#${code}`, message }, status);
  if (service === 'dynamodb') return answer;
  // Clients that knew an older protocol of SQS or CloudWatch still read its error codes, from here.
  return { ...answer, headers: { ...answer.headers, 'x-amzn-query-error': `${queryCode};${atFault}` } };
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
export const escapeXml = (text: string) => text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);

/** An XML element; `content` is escaped already. */
export const tag = (name: string, content: string) => `<${name}>${content}</${name}>`;
