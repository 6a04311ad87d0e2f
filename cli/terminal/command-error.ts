/** An error that the user can fix: only its message is printed. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** 1: bad news; 2: wrong usage. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** An error of wrong usage. */
export function usageError(message: string): CommandError {
  return new CommandError(message, 2);
}
