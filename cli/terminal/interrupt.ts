/** The exit code after Ctrl-C, as in a shell: 128 + SIGINT. */
export const INTERRUPTED = 130;

/**
 * A signal that the first Ctrl-C aborts, so that a command can finish what it has begun and report. The second Ctrl-C ends the
 * process at once.
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
