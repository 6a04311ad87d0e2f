/** How alarms and dashboards speak of a domain's events. */
import type { EventCatalogue } from '../../contract/event-catalogue.ts';
import { withArticle } from '../../contract/names.ts';

export interface EventWords {
  /** `reading` */
  readonly noun: string;
  /** `a reading` */
  readonly aNoun: string;
  /** What happened to it, by the name of the time that it has: `taken`. */
  readonly happened: string;
}

export function eventWords(catalogue: EventCatalogue): EventWords {
  const { noun } = catalogue.settings;
  const [created] = catalogue.creating();
  return {
    noun,
    aNoun: withArticle(noun),
    happened: /^([a-z]+)At$/.exec(created?.time ?? '')?.[1] ?? 'published',
  };
}
