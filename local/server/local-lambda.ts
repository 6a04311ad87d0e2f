import type { EventSourceMapping } from '../lambda/event-source-mapping.ts';
import type { MappingConfiguration } from '../lambda/lambda-api.ts';
import type { Question } from '../pending-answers.ts';
import type { EmulatorRequest } from './messages.ts';

/** Lambda's API is in the emulators' thread, the event source mappings are in the main one: this joins them. */
export class LocalLambda {
  private readonly ask: <T>(question: Question<EmulatorRequest>) => Promise<T>;
  private readonly mappings = new Map<string, EventSourceMapping>();

  constructor(ask: LocalLambda['ask']) {
    this.ask = ask;
  }

  /** Makes a mapping known to the API, which can then turn it on and off. */
  async addMapping(configuration: MappingConfiguration, mapping: EventSourceMapping): Promise<void> {
    this.mappings.set(configuration.UUID, mapping);
    const { isEnabled } = mapping.definition;
    await this.ask({ ask: 'add-mapping', configuration, isEnabled });
  }

  /** Does what the API was asked for, and tells it when that is done. @throws what ends the emulators meanwhile */
  async switchMapping(uuid: string, isEnabled: boolean): Promise<void> {
    await this.mappings.get(uuid)?.switchTo(isEnabled);
    await this.ask({ ask: 'mapping-switched', uuid });
  }
}
