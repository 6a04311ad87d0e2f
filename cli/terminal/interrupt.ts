/** What a shell says of a command that Ctrl-C ended: 128 + SIGINT. */
export const INTERRUPTED = 130;

/**
 * A signal that is aborted by the first Ctrl-C, so that a command can end what it has begun and say what was done. The
 * second one ends the process at once.
 */
export function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
  };
  // Not `once`: a spinner's signal-exit kills the process as soon as nobody else listens.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, interrupt);
  return controller.signal;
}
