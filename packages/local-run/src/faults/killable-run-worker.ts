// The process of a KillableRun: a local run, commanded by messages from the process that forked it.

import { LocalRun, type LocalRunOptions } from '../run.ts';
import type { RunMessage, RunRequest } from './killable-run.ts';

const say = (message: RunMessage, then = () => {}) => process.send?.(message, then);
let run: LocalRun;

// Ctrl-C reaches the whole process group; what becomes of this process is the other one's business.
process.on('SIGINT', () => {});
// Its parent has ended.
process.on('disconnect', () => process.exit(1));

process.on('message', async (request: RunRequest) => {
  try {
    if (request.ask === 'start') run = await start(request.options);
    if (request.ask === 'consume') run.consume();
    if (request.ask === 'end-batching-windows') run.endBatchingWindows();
    if (request.ask === 'stop') await run.stop();
    say({ id: request.id, value: await answerTo(request) });
    if (request.ask === 'stop') process.disconnect();
  } catch (error) {
    say({ id: request.id, error: (error as Error).message });
  }
});

async function answerTo(request: RunRequest): Promise<unknown> {
  if (request.ask === 'messages') return run.messagesIn(request.queueUrl);
  return request.ask === 'stop' ? run.problems : run.endpoint;
}

async function start(options: LocalRunOptions): Promise<LocalRun> {
  const started = await LocalRun.start(options);
  const { failed } = started;
  failed.addEventListener('abort', () => say({ failed: failed.reason.message }, () => process.exit(1)));
  return started;
}
