/** How alarms and dashboards speak of a domain's events. */
import type { EventCatalogue } from '../../contract/event-catalogue.ts';

export interface EventWords {
  /** `order` */
  readonly noun: string;
  /** `an order` */
  readonly aNoun: string;
  /** What happened to it, by the name of the time that it has: `placed`. */
  readonly happened: string;
}

export function eventWords({ settings }: EventCatalogue): EventWords {
  const { noun, types } = settings;
  const created = Object.values(types).find(({ effect }) => effect === 'creates');
  return {
    noun,
    aNoun: `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`,
    happened: /^([a-z]+)At$/.exec(created?.time ?? '')?.[1] ?? 'published',
  };
}
