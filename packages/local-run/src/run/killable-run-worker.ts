// The process of a KillableRun: a local run whose methods are called by messages from the process that forked it.

import { type Answer, answerTo, type Call } from '../threads/remote-calls.ts';
import { LocalRun, type LocalRunOptions } from './run.ts';

let run: LocalRun;
const say = (message: Answer | { failed: string }, then = () => {}) => process.send?.(message, then);
const api = {
  async start(options: LocalRunOptions) {
    run = await LocalRun.start(options);
    const { failed } = run;
    failed.addEventListener('abort', () => say({ failed: failed.reason.message }, () => process.exit(1)));
    return run.endpoint;
  },
  consume: () => run.consume(),
  endBatchingWindows: () => run.endBatchingWindows(),
  messagesIn: (queueUrl: string) => run.messagesIn(queueUrl),
  async stop() {
    await run.stop();
    return run.problems;
  },
};
export type KillableRunApi = typeof api;

// Ctrl-C reaches the whole process group; the parent decides what becomes of this process.
process.on('SIGINT', () => {});
// The parent has ended.
process.on('disconnect', () => process.exit(1));

process.on('message', async (call: Call) => {
  const answer = await answerTo(api, call);
  say(answer);
  if (call.method === 'stop' && 'value' in answer) process.disconnect();
});
