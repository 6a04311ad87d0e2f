/** What a domain says of its events, beside the catalogue: how to make some for tests, and what consumers must have made of them. */
import type { AnyEvent, EventCatalogue } from './event-catalogue.ts';
import type { Random } from './random.ts';

/** What a domain calls its things. */
export interface Words {
  /** How the command line is called, as printed before each command that can be typed next. */
  readonly program: string;
  /** What the stack is, with a capital: its description begins with it. */
  readonly title: string;
  /** What an event is about, as a word: `reading`. */
  readonly noun: string;
  /** What several events are about: `readings`. */
  readonly plural: string;
  /** Name of the field with the ID that makes two messages the same thing. */
  readonly idField: string;
  /** A consumer, for the examples in help. */
  readonly consumer: string;
  /** The condition under which package.json imports it: what `--domain` takes. @default - none: it is the project's own */
  readonly condition?: string;
}

/** All that the rest of the project knows of a domain. */
export interface Domain extends Words {
  /** A stack's name is this, a hyphen and its stage. */
  readonly stackName: string;
  /** The stack's tag `service`. */
  readonly service: string;
  /** In kebab-case: names the topic's construct, its outputs and parameters, and the prefix of the archive. */
  readonly topic: string;
  readonly events: EventCatalogue;
  readonly testEvents: TestEvents;
  /**
   * What consumers must have made of the events.
   * @default - nobody looks: only what was delivered, processed and dead-lettered is counted
   */
  readonly endState?: EndState;
}

/** A domain of which the type checker knows the events, and of the rest no more than of any: `lib/config.ts` is held against them. */
export type DomainOf<Events> = Omit<Domain, 'events'> & { readonly events: Events };

/** How test events are made. All random choices come from `random`, so that a seed repeats them. @typeParam E what creates records */
export interface TestEvents<E extends AnyEvent = AnyEvent> {
  /**
   * A valid event that creates a record.
   * @param groups how many groups there are, at most
   */
  create(id: string, now: Date, groups: number, random: Random): E;
  /** Another valid event with the ID of `event`, with which it is in conflict. @default - no conflicts are made */
  conflictWith?(event: E): E;
  /** Kind → what no consumer can process. */
  readonly poison: Readonly<Record<string, Poison<E>>>;
  /** Events that change what others created. @default - there are none */
  readonly change?: {
    /** Name of the option that says how many, and what several are called: `cancellations`. */
    readonly plural: string;
    readonly singular: string;
    /** What became of a record that was changed: `cancelled`. */
    readonly participle: string;
    /** @param index the number of the change, from 0 */
    create(event: E, now: Date, index: number, random: Random): AnyEvent;
  };
}

/** A message that no consumer can process. */
export interface Poison<E> {
  /** Name of the error with which consumers dead-letter it. */
  readonly error: string;
  /** Its body, made from a valid event. */
  body(event: E, random: Random): string;
}

/** A record as it is stored: a table's item, or what describes an object. */
export type Item = Readonly<Record<string, unknown>>;

/** What a record says. */
export interface RecordView {
  /** Digest of the event that created it; undefined where only changes have come. */
  readonly digest: string | undefined;
  /** That event, where all of it is in the record: shows at which other consumers it leaves none. */
  readonly event?: AnyEvent | undefined;
  /** `RESERVED`, say. */
  readonly status?: string | undefined;
  /** When the consumer made it. */
  readonly at?: Date | undefined;
  /** The state that a change left it in; undefined where none has come. */
  readonly changed?: string | undefined;
  /** What happened, as far as it tells: `placed`, `cancelled`. */
  readonly events: readonly { readonly event: string; readonly at: Date; readonly reason?: string }[];
  /** Message attributes of the event that created it, as far as it tells. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** What is wrong at a consumer: with the record of `id`, or with something else that the problem names. */
export interface Finding {
  readonly consumer: string;
  readonly id?: string;
  readonly problem: string;
}

/** Consumer → table (or bucket) → what it holds. */
export type Ledger = ReadonlyMap<string, ReadonlyMap<string, readonly Item[]>>;

/** What consumers must have made of the events that they took. */
export interface EndState<E extends AnyEvent = AnyEvent> {
  /** Whether an event leaves a record at a consumer that took it. @default - each does, at consumers with records */
  leavesRecord?(consumer: string, event: E): boolean;
  read(item: Item): RecordView;
  /** What handlers return for an event that has a record from then on: to tell in which sequence records were made. */
  readonly recorded: readonly string[];
  /** Table → what has to be in it before the first event. @default - nothing */
  readonly initial?: Readonly<Record<string, readonly Item[]>>;
  /** Bucket → key → what has to be in it before the first event. @default - nothing */
  readonly initialObjects?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What is wrong beyond the single record of an event: in sums, or between tables. @default - nothing is looked for */
  check?(before: Ledger, after: Ledger): Finding[];
  /** What `check` has shown where it found nothing, for the report: `the sums add up`. */
  shown?(after: Ledger): string;
  /** What has become of each record that was changed, for the report. */
  readonly shownOfChanged?: string;
}
