// Injects a fault into one invocation, inside the function's own thread.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { InvocationFault } from './fault-plan.ts';

/**
 * Runs `work` with the fault injected. A fault in the middle of the work is injected at the latest after it, before its result
 * is returned.
 */
export async function withFault<T>(fault: InvocationFault | undefined, work: () => Promise<T>): Promise<T> {
  if (!fault) return work();
  if (fault.kind === 'handler-exception') {
    if (fault.when === 'after') await work();
    throw new Error(`injected ${fault.when} the work`);
  }
  const strike = fault.kind === 'function-timeout' ? hang : () => process.exit(1);
  // Of Node's HTTP client, which the AWS SDK uses: https://nodejs.org/api/diagnostics_channel.html#http
  const moment =
    fault.kind === 'killed-before-write' ? 'http.client.request.created' : 'http.client.response.finish';
  let left = fault.count;
  const listener = () => {
    left -= 1;
    if (left === 0) strike();
  };
  subscribe(moment, listener);
  try {
    const result = await work();
    strike();
    return result;
  } finally {
    unsubscribe(moment, listener);
  }
}

/** Ends with the thread. */
function hang(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
