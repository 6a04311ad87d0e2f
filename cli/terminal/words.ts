/** The domain's words, as texts and JSON for users have them. */
import { domain } from '#domain';
import type { Domain, TestEvents } from '../../contract/domain.ts';

const { settings } = domain.events;

/** What an event is about: `order`; and several: `orders`. */
export const NOUN: string = settings.noun;
export const NOUNS: string = domain.plural;
/** `an order`. */
export const A_NOUN = `${/^[aeiou]/.test(NOUN) ? 'an' : 'a'} ${NOUN}`;
/** Name of the field with its ID. */
export const ID_FIELD: string = settings.idField;
/** What several are grouped by, as a word: `customer` of `customerId`. */
export const GROUP: string = settings.groupField.replace(/Id$/, '');
/** What an event that changes another is called; undefined where there is none. */
export const CHANGE: TestEvents['change'] = (domain satisfies Domain as Domain).testEvents.change;
/** How the command line is called. */
export const PROGRAM: string = domain.program;

/** An ID under the domain's name for it, for JSON. */
export function named(id: string | undefined): Record<string, string | undefined> {
  return { [ID_FIELD]: id };
}
