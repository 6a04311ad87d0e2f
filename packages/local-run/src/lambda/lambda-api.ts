// Lambda's API for event source mappings, as far as it runs here: they are looked at, and turned on and off.
import type { Json } from '../protocol/json.ts';
import { ServiceError } from '../protocol/service-error.ts';

/** A mapping as the API describes it, without its state; beside these, what the template says of it. */
export interface MappingConfiguration {
  UUID: string;
  EventSourceMappingArn: string;
  /** With the version or alias, where the mapping names one. */
  FunctionArn: string;
  EventSourceArn: string;
  [setting: string]: Json;
}

interface Mapping {
  configuration: MappingConfiguration;
  state: 'Enabled' | 'Disabling' | 'Disabled' | 'Enabling';
  /** Milliseconds since the epoch. */
  changedAt: number;
}

const MAPPING = /^\/2015-03-31\/event-source-mappings\/([^/]+)$/;
/** Of a new account in good standing. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const CONCURRENCY = 1000;

/**
 * Which operation an HTTP request asks for, and what its address says of it. One that is not known here is called by its
 * method and path.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
 */
export function lambdaOperation(method: string, { pathname }: URL): { operation: string; input: object } {
  const path = pathname.replace(/\/$/, '');
  const [, UUID] = MAPPING.exec(path) ?? [];
  if (UUID && method === 'GET') return { operation: 'GetEventSourceMapping', input: { UUID } };
  if (UUID && method === 'PUT') return { operation: 'UpdateEventSourceMapping', input: { UUID } };
  const isOfAccount = method === 'GET' && path === '/2016-08-19/account-settings';
  return { operation: isOfAccount ? 'GetAccountSettings' : `${method} ${path}`, input: {} };
}

/** Answers for the mappings of a stack, and has them turned on and off. */
export class LambdaApi {
  private readonly onSwitch: (uuid: string, isEnabled: boolean) => void;
  /** By UUID. */
  private readonly mappings = new Map<string, Mapping>();

  /** @param onSwitch called where a mapping is to be turned on or off; `switched` is told when that is done */
  constructor(onSwitch: LambdaApi['onSwitch']) {
    this.onSwitch = onSwitch;
  }

  add(configuration: MappingConfiguration): void {
    this.mappings.set(configuration.UUID, { configuration, state: 'Enabled', changedAt: Date.now() });
  }

  switched(uuid: string): void {
    const mapping = this.mappings.get(uuid);
    if (mapping) changeTo(mapping, mapping.state === 'Enabling' ? 'Enabled' : 'Disabled');
  }

  /** Answers one of the operations that have permissions. @throws ServiceError as Lambda answers with one */
  answer(operation: string, input: Json): object {
    if (operation === 'GetEventSourceMapping') return describe(this.mappingOf(input));
    if (operation === 'UpdateEventSourceMapping') return this.update(input);
    return {
      AccountLimit: { ConcurrentExecutions: CONCURRENCY, UnreservedConcurrentExecutions: CONCURRENCY },
    };
  }

  /** https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html */
  private update({ UUID, Enabled, ...others }: Json): object {
    const mapping = this.mappingOf({ UUID });
    const [other] = Object.keys(others);
    if (other !== undefined || typeof Enabled !== 'boolean') {
      const what = other === undefined ? `Enabled ${JSON.stringify(Enabled)}` : `a change of ${other}`;
      throw new ServiceError(
        'InvalidParameterValueException',
        `The local run turns mappings on and off (Enabled true or false); it does not know ${what}`,
      );
    }
    if (mapping.state === 'Enabling' || mapping.state === 'Disabling') {
      throw new ServiceError(
        'ResourceInUseException',
        `The event source mapping ${UUID} cannot be updated while it is ${mapping.state}`,
      );
    }
    if (Enabled !== (mapping.state === 'Enabled')) {
      changeTo(mapping, Enabled ? 'Enabling' : 'Disabling');
      this.onSwitch(UUID, Enabled);
    }
    return describe(mapping);
  }

  private mappingOf({ UUID }: Json): Mapping {
    const mapping = this.mappings.get(UUID);
    if (mapping) return mapping;
    throw new ServiceError('ResourceNotFoundException', 'The resource you requested does not exist.', {
      status: 404,
    });
  }
}

function changeTo(mapping: Mapping, state: Mapping['state']): void {
  mapping.state = state;
  mapping.changedAt = Date.now();
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html */
function describe({ configuration, state, changedAt }: Mapping): object {
  return {
    ...configuration,
    State: state,
    StateTransitionReason: 'USER_INITIATED',
    LastModified: changedAt / 1000,
  };
}
