import { CREDENTIALS, REGION } from './account.ts';

/** What another process needs to use a local stack; it lies in a file while the stack is up. */
export interface LocalEndpoint {
  readonly endpoint: string;
  readonly stackName: string;
  readonly region: string;
  /** Of the process that runs it. */
  readonly pid: number;
}

/** Settings with which an AWS SDK client reaches the emulators. */
export interface ClientSettings {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/**
 * What a client would otherwise take from the user's environment and ~/.aws, where it is meant for AWS: some of it, such as
 * FIPS, is an error together with an endpoint.
 * https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
 */
const NOT_OF_THE_USER = {
  useFipsEndpoint: false,
  useDualstackEndpoint: false,
  // Of DynamoDB's client alone.
  endpointDiscoveryEnabled: false,
  accountIdEndpointMode: 'disabled',
  // Of S3's.
  forcePathStyle: true,
  useArnRegion: false,
  useAccelerateEndpoint: false,
  disableMultiregionAccessPoints: true,
  disableS3ExpressSessionAuth: true,
  requestChecksumCalculation: 'WHEN_SUPPORTED',
  responseChecksumValidation: 'WHEN_SUPPORTED',
  authSchemePreference: [] as string[],
  defaultsMode: 'legacy',
  retryMode: 'standard',
  maxAttempts: 3,
} as const;

/**
 * They are complete: nothing of what a user has set for AWS changes them.
 * @param accessKeyId whose calls they are; the operator's unless told otherwise
 */
export function clientSettings(endpoint: string, accessKeyId = CREDENTIALS.accessKeyId): ClientSettings {
  return { ...NOT_OF_THE_USER, endpoint, region: REGION, credentials: { ...CREDENTIALS, accessKeyId } };
}
