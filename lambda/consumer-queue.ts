import type { Queue } from './batch.ts';
import { sqs } from './clients.ts';
import { environment, environmentCount } from './environment.ts';

/** The queue of this function's consumer, as the stack tells it. Throws, naming it, for a variable that is missing. */
export function consumerQueue(): Omit<Queue, 'logger' | 'metrics'> {
  return {
    sqs,
    consumer: environment('POWERTOOLS_SERVICE_NAME'),
    url: environment('QUEUE_URL'),
    deadLetterUrl: environment('DEAD_LETTER_QUEUE_URL'),
    maxReceiveCount: environmentCount('MAX_RECEIVE_COUNT'),
    onPermanentError: process.env.ON_PERMANENT_ERROR === 'block' ? 'block' : 'skip',
  };
}
