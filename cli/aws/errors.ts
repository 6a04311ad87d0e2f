/** Explains errors of AWS, its SDK and the network in one line, with what to do. */
import { CommandError } from '../terminal/command-error.ts';
import { printable } from '../terminal/text.ts';
import { START } from '../terminal/words.ts';

/** An error of the SDK, as far as it is read here. */
interface AwsError extends Error {
  readonly code?: string;
  /** Where the call went, and what it was; noted by the clients. */
  readonly reached?: { readonly endpoint: string; readonly operation: string; readonly isLocal: boolean };
  /** The HTTP response that the SDK could not parse. */
  readonly $response?: { readonly statusCode?: number };
  readonly $fault?: 'client' | 'server';
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $retryable?: { readonly throttling?: boolean };
  readonly cause?: unknown;
}

const LOGIN = 'renew them (`aws sso login` or `aws login`, with --profile if you use one) and try again';
const EXPIRED = /^(ExpiredToken|ExpiredTokenException|RequestExpired|TokenRefreshRequired)$/;
const UNKNOWN_KEYS =
  /^(InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|InvalidSignatureException|SignatureDoesNotMatch|InvalidSecurity|InvalidSecurityToken|IncompleteSignature|IncompleteSignatureException|MissingAuthenticationToken)$/;
const DENIED =
  /^(AccessDenied|AccessDeniedException|KMSAccessDeniedException|KmsAccessDenied|AuthorizationError|AuthorizationErrorException|UnauthorizedOperation)$/;
const THROTTLED =
  /throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ProvisionedThroughputExceeded|LimitExceeded$/i;
const UNREACHABLE =
  /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPIPE|ETIMEDOUT|TimeoutError|EPROTO|HPE_\w+|ERR_SSL_\w+|ERR_TLS_\w+|CERT_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|UNABLE_TO_\w+)$/;
const UNKNOWN_OPERATION = /^(UnknownOperationException|InvalidAction|UnsupportedOperation|NotImplemented)$/;

/**
 * One line for an error of an AWS call, or undefined for an error that is neither AWS's nor the network's.
 * @param action the IAM action of the call, like `sns:Publish`, where AWS's own text names none
 */
export function explain(error: unknown, action?: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const text = error instanceof CommandError ? error.message : explainCall(error, action);
  // It quotes foreign text.
  return text === undefined ? undefined : printable(text);
}

function explainCall(error: Error, action: string | undefined): string | undefined {
  const { name, message, $metadata, $response, reached } = error as AwsError;
  const endpoint = reached?.endpoint ?? 'AWS';

  if (/Region is missing/.test(message)) {
    return 'No AWS region: give --region, set AWS_REGION, or set a region in the profile';
  }
  if (/Region not accepted/.test(message)) return `AWS does not know this region: ${oneLine(message)}`;
  if ((error as AwsError).code === 'ERR_INVALID_URL') {
    return 'An endpoint is not a URL: check AWS_ENDPOINT_URL and endpoint_url in ~/.aws/config';
  }
  if (
    EXPIRED.test(name) ||
    /token (included in the request )?(is|has) expired|session .*expired/i.test(message)
  ) {
    return `The AWS credentials have expired: ${LOGIN}`;
  }
  if (/^(CredentialsProviderError|TokenProviderError|ProviderError)$/.test(name))
    return explainCredentials(message);
  if (UNKNOWN_KEYS.test(name)) {
    return `AWS does not accept these credentials (${name}): check the profile or the AWS_ACCESS_KEY_ID in use`;
  }
  if (DENIED.test(name)) return explainDenial(message, action);
  if (isThrottling(error)) {
    return `AWS throttles ${action ?? 'the calls'} (${name}): try again later or more slowly`;
  }
  if (codeOf(error) !== undefined) return explainSilence(error);
  if ($response !== undefined && $metadata?.httpStatusCode === undefined) {
    return `The answer from ${endpoint} is not AWS's (HTTP ${$response.statusCode}): check AWS_ENDPOINT_URL and any proxy`;
  }
  if (UNKNOWN_OPERATION.test(name) || $metadata?.httpStatusCode === 501) {
    return `${endpoint} does not know ${reached?.operation ?? 'this operation'} (${name})`;
  }
  return $metadata && `${action ? `${action}: ` : ''}${name}: ${oneLine(message)}`;
}

/** No server was reached, or no response came back. */
function explainSilence(error: Error): string {
  const { reached } = error as AwsError;
  const where = reached?.endpoint ?? reachedAddress(error) ?? 'AWS';
  if (reached?.isLocal) {
    return `The local stack at ${where} does not answer (${codeOf(error)}): restart it with \`${START} --keep\``;
  }
  return `Cannot reach ${where} (${codeOf(error)}): check the network, the region and AWS_ENDPOINT_URL`;
}

/** Whether AWS asked for fewer calls. */
export function isThrottling(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { name, $metadata, $retryable } = error as AwsError;
  return $retryable?.throttling === true || $metadata?.httpStatusCode === 429 || isThrottlingCode(name);
}

/** Whether AWS denies access. */
export function isDenied(error: unknown): boolean {
  return error instanceof Error && DENIED.test(error.name);
}

/** Whether no server was reached, or no response came back. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof Error && codeOf(error) !== undefined;
}

/** The same for an error code or name, also of a batch entry. */
export function isThrottlingCode(code = ''): boolean {
  return THROTTLED.test(code);
}

/** Whether the same call may succeed later: throttling, a fault of AWS, or the network. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { $fault, $metadata, $response } = error as AwsError;
  const status = $metadata?.httpStatusCode ?? $response?.statusCode ?? 0;
  return isThrottling(error) || $fault === 'server' || status >= 500 || isUnreachable(error);
}

/** The network's error code. Node wraps several of them into an AggregateError where a host has several addresses. */
function codeOf(error: Error): string | undefined {
  const { name, code, cause } = error as AwsError;
  const found = [code, name].find((each) => each !== undefined && UNREACHABLE.test(each));
  return found ?? (cause instanceof Error ? codeOf(cause) : undefined);
}

function reachedAddress(error: Error): string | undefined {
  const { address, hostname, port } = error as { address?: string; hostname?: string; port?: number };
  const host = hostname ?? address;
  return host && port ? `${host}:${port}` : host;
}

function explainCredentials(message: string): string {
  const profile = /profile:? ?\[?"?([\w.@+/-]+)/i.exec(message)?.[1];
  if (/sso/i.test(message) && /login|session|token/i.test(message)) {
    return `The AWS single sign-on session is not valid: ${LOGIN}`;
  }
  if (profile)
    return `No AWS credentials in the profile "${profile}": check --profile, AWS_PROFILE and ~/.aws/config`;
  return 'No AWS credentials: run `aws configure` or `aws sso login`, check the profile in --profile or AWS_PROFILE, or use --local';
}

function explainDenial(message: string, action: string | undefined): string {
  const denied = /not authorized to perform:? ([\w-]+:\w+)/i.exec(message)?.[1] ?? action ?? 'this call';
  const resource = /on resource:? (\S+)/i.exec(message)?.[1];
  return `Access denied: these credentials lack the IAM action ${denied}${resource ? ` on ${resource}` : ''}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
