/**
 * A message that can never succeed: it is dead-lettered at once. Any other error means "retry". Operators group dead letters by
 * `name`; `message` must not contain any value of the message itself.
 */
export class PermanentError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}
