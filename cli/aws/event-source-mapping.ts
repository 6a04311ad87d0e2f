/** Lambda's event source mapping of a consumer: while it is off, messages wait in the consumer's queue. */
import {
  GetEventSourceMappingCommand,
  type LambdaClient,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import type { ConsumerHandles } from '../../contract/stack-outputs.ts';
import { isDenied } from './errors.ts';

/** `Enabled`, `Disabled`, or on the way: https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html */
export type MappingState = string;

interface Mapping {
  readonly state: MappingState;
  /** The most invocations at a time; undefined where Lambda decides. */
  readonly maxConcurrency: number | undefined;
}

/** Whether a consumer takes messages from its queue; undefined where access is denied. */
export async function isEnabled(
  lambda: LambdaClient,
  { eventSourceMappingId }: ConsumerHandles,
): Promise<boolean | undefined> {
  try {
    const state = await mappingState(lambda, eventSourceMappingId);
    return state !== undefined && !/^(Disabl|Delet)ing$|^Disabled$/.test(state);
  } catch (error) {
    if (isDenied(error)) return undefined;
    throw error;
  }
}

/** Undefined for a mapping that does not exist. @throws whatever else the SDK throws */
export async function mappingState(lambda: LambdaClient, UUID: string): Promise<MappingState | undefined> {
  return (await readMapping(lambda, UUID))?.state;
}

/** Undefined for a mapping that does not exist. @throws whatever else the SDK throws */
export async function readMapping(lambda: LambdaClient, UUID: string): Promise<Mapping | undefined> {
  try {
    const { State = '', ScalingConfig } = await lambda.send(new GetEventSourceMappingCommand({ UUID }));
    return { state: State, maxConcurrency: ScalingConfig?.MaximumConcurrency };
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

/** Begins to turn a mapping on or off. @throws whatever the SDK throws */
export async function switchMapping(lambda: LambdaClient, UUID: string, Enabled: boolean): Promise<void> {
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled }));
}
