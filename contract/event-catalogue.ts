/** A catalogue of events: what is to be known of each type for publishers, consumers and operators to agree on it. */
import { createHash } from 'node:crypto';
import type * as z from 'zod/mini';
import { type Problem, problemsOf } from './fields.ts';

/** What every event says. */
export interface AnyEvent {
  readonly eventType: string;
  readonly schemaVersion: number;
}

/** One type of event. */
export interface EventDefinition<E extends AnyEvent = AnyEvent> {
  /** Schema version → schema, the newest last. Unknown fields are dropped, not refused: publishers may add some without a new version. */
  readonly versions: Readonly<Record<number, z.ZodMiniType<E>>>;
  /** Name of the field that says when it happened, in ISO 8601. */
  readonly time: string;
  /**
   * What it does to the record that consumers keep under its ID. `creates`: makes it; another event of the type with the same ID
   * that says something else is in conflict with it. `changes`: changes it, even where it comes first; of several of the type the
   * first to come stands, whatever the others say.
   */
  readonly effect: 'creates' | 'changes';
  /** Message attributes that filter policies read, besides `eventType` and `schemaVersion`. @default - no others */
  attributes?(event: E): Record<string, string>;
  /**
   * Why the attributes that an event came with hide it from a consumer that has to get it; undefined where they do not. Consumers
   * that got it dead-letter it as AttributeMismatch.
   * @param told the value of an attribute that came with it
   * @default - no attribute can hide it
   */
  hiddenBy?(event: E, told: (attribute: string) => string | undefined): string | undefined;
}

type Definitions = Readonly<Record<string, EventDefinition>>;
type EventIn<D> = D extends EventDefinition<infer E> ? E : never;

/** The event types of a catalogue. */
export type TypeIn<C> = C extends EventCatalogue<infer D, string> ? string & keyof D : never;
/** Any event of a catalogue, or one of the type. */
export type EventOf<C, T extends TypeIn<C> = TypeIn<C>> =
  C extends EventCatalogue<infer D, string> ? EventIn<D[T]> : never;
/** What handlers of a catalogue's events may return. */
export type OutcomeIn<C> =
  C extends EventCatalogue<Definitions, infer O> ? O | 'created' | 'duplicate' : never;

/** How the records of events tell what they are of. */
export interface RecordNames<Id extends string = string, Digest extends string = string> {
  /** What an event is about, as a word: `reading`. */
  readonly noun: string;
  /** Name of the field with the ID that makes two messages the same thing, in events and in records. */
  readonly idField: Id;
  /** Name of a record's field with the digest of the event that created it: `digestOf`. */
  readonly digestField: Digest;
  /** Error of a message that creates what exists under its ID with another content. */
  readonly conflictError: string;
}

/** Names and rules that all events of a catalogue share. */
export interface CatalogueSettings<
  D extends Definitions,
  Outcome extends string,
  Id extends string = string,
  Digest extends string = string,
> extends RecordNames<Id, Digest> {
  /** Name of the field whose value groups what has to be processed in sequence. */
  readonly groupField: string;
  /**
   * What handlers return, besides `created` for a new record and `duplicate` for an event that is known already → the metric that
   * counts it, if it has one.
   */
  readonly outcomes: Readonly<Record<Outcome, string | undefined>>;
  /** Event type → its definition. */
  readonly types: D;
}

/** What names a field of events has to name one that each of them has. */
interface FieldsOf<E, Id> {
  readonly idField: Id & (Id extends keyof E ? unknown : { readonly error: 'no field of every event' });
  readonly groupField: string & keyof E;
}

/** One type of event, with the type checker's help: the functions get what the schemas produce. */
export function eventDefinition<E extends AnyEvent>(
  definition: EventDefinition<E> & { readonly time: string & keyof E },
): EventDefinition<E> {
  return definition;
}

export class EventCatalogue<
  D extends Definitions = Definitions,
  Outcome extends string = string,
  Id extends string = string,
  Digest extends string = string,
> {
  readonly settings: CatalogueSettings<D, Outcome, Id, Digest>;
  readonly types: readonly (string & keyof D)[];

  constructor(settings: CatalogueSettings<D, Outcome, Id, Digest> & FieldsOf<EventIn<D[keyof D]>, Id>) {
    this.settings = settings;
    this.types = Object.keys(settings.types);
  }

  /**
   * Checks `value`: the event without unknown fields, or each problem with its field.
   * @param types what is taken; everything in the catalogue unless told otherwise
   */
  check(
    value: unknown,
    types: readonly string[] = this.types,
  ): { event: EventIn<D[keyof D]> } | { problems: Problem[] } {
    const { noun } = this.settings;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return { problems: [{ field: noun, message: 'must be an object' }] };
    }
    const { eventType, schemaVersion } = value as Partial<Record<keyof AnyEvent, unknown>>;
    const type = types.find((each) => each === eventType);
    if (type === undefined) {
      const must = eventType === undefined ? 'is missing, must' : 'must';
      const message = `${must} be ${types.map((each) => `"${each}"`).join(' or ')}`;
      return { problems: [{ field: 'eventType', message }] };
    }
    const versions = new Map(Object.entries(this.definition(type).versions));
    // Another version than those known is told by the newest of them.
    const schema = versions.get(String(schemaVersion)) ?? [...versions.values()].at(-1);
    const result = schema?.safeParse(value);
    if (!result) throw new Error(`${type} has no version`);
    if (!result.success) return { problems: problemsOf(result.error, noun) };
    return { event: result.data as EventIn<D[keyof D]> };
  }

  /** The event in a body; undefined where it holds no valid one. */
  eventIn(body: string): EventIn<D[keyof D]> | undefined {
    try {
      const result = this.check(JSON.parse(body));
      return 'event' in result ? result.event : undefined;
    } catch {
      return undefined;
    }
  }

  /** The versions of a type that are known, as numbers; none where the type is not known. */
  versionsOf(eventType: unknown): number[] {
    const type = this.types.find((each) => each === eventType);
    return type === undefined ? [] : Object.keys(this.definition(type).versions).map(Number);
  }

  /** The event's SNS message attributes. */
  attributesOf(event: AnyEvent): Record<string, { DataType: 'String'; StringValue: string }> {
    const { eventType, schemaVersion } = event;
    const more = this.definition(eventType).attributes?.(event);
    const values = Object.entries({ eventType, schemaVersion: String(schemaVersion), ...more });
    return Object.fromEntries(
      values.map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
    );
  }

  idOf(event: AnyEvent): string {
    return textIn(event, this.settings.idField);
  }

  /** When it happened, in ISO 8601. */
  timeOf(event: AnyEvent): string {
    return textIn(event, this.definition(event.eventType).time);
  }

  /** The types of events that create a record. */
  creating(): readonly (EventDefinition & { readonly eventType: string })[] {
    const definitions = this.types.map((eventType) => ({ eventType, ...this.definition(eventType) }));
    return definitions.filter(({ effect }) => effect === 'creates');
  }

  effectOf(eventType: string): EventDefinition['effect'] {
    return this.definition(eventType).effect;
  }

  /** See `EventDefinition.hiddenBy`. */
  hiddenBy(event: AnyEvent, told: (attribute: string) => string | undefined): string | undefined {
    return this.definition(event.eventType).hiddenBy?.(event, told);
  }

  private definition(eventType: string): EventDefinition {
    const found = Object.hasOwn(this.settings.types, eventType) && this.settings.types[eventType];
    if (!found) throw new Error(`no event type ${eventType}`);
    return found;
  }
}

/**
 * SHA-256, in hex, of a parsed event with its keys sorted: the same for every delivery of it, however its publisher sorts keys
 * and whatever unknown fields it adds. A field added to the schema counts from then on: let the consumers know it before publishers
 * send it, or a redelivery of an older event that carries it becomes a conflict.
 */
export function digestOf(event: AnyEvent): string {
  return createHash('sha256').update(JSON.stringify(event, sortKeys)).digest('hex');
}

function textIn(event: AnyEvent, field: string): string {
  return String((event as unknown as Record<string, unknown>)[field]);
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
