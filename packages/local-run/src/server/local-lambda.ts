import type { MappingConfiguration } from '../lambda/lambda-api.ts';
import type { Question } from '../pending-answers.ts';
import type { EmulatorRequest } from './messages.ts';

/** Turns a mapping on or off; it is so when the promise resolves. */
type SwitchTo = (isEnabled: boolean) => Promise<void>;

/** Lambda's API is in the emulators' thread, the event source mappings are in the main one: this joins them. */
export class LocalLambda {
  private readonly ask: <T>(question: Question<EmulatorRequest>) => Promise<T>;
  /** By UUID. */
  private readonly mappings = new Map<string, SwitchTo>();

  constructor(ask: LocalLambda['ask']) {
    this.ask = ask;
  }

  /**
   * Makes a mapping known to the API, which can then turn it on and off.
   * @param isEnabled whether it is on to begin with
   */
  async addMapping(
    configuration: MappingConfiguration,
    isEnabled: boolean,
    switchTo: SwitchTo,
  ): Promise<void> {
    this.mappings.set(configuration.UUID, switchTo);
    await this.ask({ ask: 'add-mapping', configuration, isEnabled });
  }

  /** Does what the API was asked for, and tells it when that is done. @throws what ends the emulators meanwhile */
  async switchMapping(uuid: string, isEnabled: boolean): Promise<void> {
    await this.mappings.get(uuid)?.(isEnabled);
    await this.ask({ ask: 'mapping-switched', uuid });
  }
}
