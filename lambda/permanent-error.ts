/**
 * A message that can never succeed, so that trying again is pointless: it is dead-lettered at once. Any other
 * error means "try again". `name` is what operators group by; `message` must hold no value of the message itself.
 */
export class PermanentError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}
