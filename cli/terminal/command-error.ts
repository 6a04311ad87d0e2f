/** What keeps a command from its work and the user can do something about: its message is all that is printed. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** 1: the answer is bad news; 2: the command was used wrongly. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The command was used wrongly. */
export function usageError(message: string): CommandError {
  return new CommandError(message, 2);
}
