/** Whether a domain and the settings of its consumers fit each other: what one of them names, the other has. */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { Annotations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Domain, Ledger } from '../../contract/domain.ts';
import { isKebabCase } from '../../contract/names.ts';
import { eventTypesOf } from './consumers.ts';
import type { ConsumerSettings } from './types.ts';
import { ConfigError } from './validation.ts';

type Consumers = Readonly<Record<string, ConsumerSettings>>;

/**
 * @param entryOf path of a consumer's handler
 * @throws ConfigError for a topic that no ID can be made of, an event that a consumer takes and the domain does not define, a
 * handler that is not there, and a table or consumer that the end state names and the settings do not have
 */
export function checkDomain(
  domain: Domain,
  consumers: Consumers,
  entryOf: (consumer: string) => string,
): void {
  if (!isKebabCase(domain.topic)) {
    throw new ConfigError(
      `the domain's topic "${domain.topic}" is not a name in kebab-case, such as readings`,
    );
  }
  const { types } = domain.events;
  for (const [name, { eventTypes = [] }] of Object.entries(consumers)) {
    const unknown = eventTypes.find((type) => !types.includes(type));
    if (unknown !== undefined) {
      throw new ConfigError(
        `consumers.${name} in lib/config.ts takes ${unknown}, which the domain does not define: add it to the types of its ` +
          `catalogue, which are ${types.join(', ')}`,
      );
    }
    const entry = entryOf(name);
    if (existsSync(entry)) continue;
    throw new ConfigError(
      `consumers.${name} in lib/config.ts has no handler: write ${relative(process.cwd(), entry)}, such as ` +
        `export const handler = eventConsumer(catalogue, { '${eventTypes[0] ?? types[0]}': async () => 'created' });`,
    );
  }
  const unknown = unknownInEndState(domain, consumers);
  if (unknown.length === 0) return;
  throw new ConfigError(
    `the domain's end state names ${unknown.join(' and ')}, but lib/config.ts has no such consumer, table or bucket`,
  );
}

/** Warns at synth of event types that no consumer asks for. */
export function warnOfUnclaimed(scope: IConstruct, { events }: Domain, consumers: Consumers): void {
  const claimed = eventTypesOf(Object.values(consumers));
  for (const type of events.types.filter((each) => !claimed.includes(each))) {
    const problem = `no consumer in lib/config.ts takes ${type}: such messages end in the unrouted queue`;
    Annotations.of(scope).addWarningV2(`unclaimed:${type}`, problem);
  }
}

/** What the end state looks for in an empty ledger of these consumers, or puts there, and they do not have. */
function unknownInEndState({ endState }: Domain, consumers: Consumers): string[] {
  const stores = Object.values(consumers).flatMap(({ tables = {}, buckets = {} }) => [
    ...Object.keys(tables),
    ...Object.keys(buckets),
  ]);
  const unknown = new Set(Object.keys(endState?.initial ?? {}).filter((table) => !stores.includes(table)));
  const empty = (): Ledger =>
    new Recorder(
      Object.keys(consumers).map((name) => [
        name,
        new Recorder(
          stores.map((store) => [store, []]),
          unknown,
        ),
      ]),
      unknown,
    );
  endState?.check?.(empty(), empty());
  return [...unknown];
}

/** Notes the keys that it is asked for and does not have. */
class Recorder<V> extends Map<string, V> {
  private readonly unknown: Set<string>;

  constructor(entries: readonly (readonly [string, V])[], unknown: Set<string>) {
    super(entries);
    this.unknown = unknown;
  }

  override get(key: string): V | undefined {
    if (!this.has(key)) this.unknown.add(key);
    return super.get(key);
  }
}
