import { type PublishOptions, publishMessages } from '../cli/publishing/publisher.ts';

/**
 * Publishes all messages.
 * @returns how many SNS has
 * @throws Error if not all could be published, the reason of the signal if it was aborted
 */
export async function publishAll(
  options: PublishOptions & { messages: readonly unknown[] },
): Promise<number> {
  const { sent, failed } = await publishMessages(options);
  options.signal?.throwIfAborted();
  const [first] = failed;
  if (!first) return sent;
  throw new Error(`not published: ${failed.length} of ${options.messages.length} messages: ${first.reason}`);
}
