/** Who consumes images. Stages and defaults are those of the project. */
import type { ConsumersOf } from '../../../lib/settings/types.ts';
import type { domain } from './domain.ts';

export { archive, archiveConsumer, consumerDefaults, stages } from '../../../lib/config.ts';

export const consumers = {
  thumbnails: {
    eventTypes: ['image.uploaded'],
    buckets: { images: { holds: 'records', reads: 'incoming/', writes: 'thumbnails/' } },
  },
} satisfies ConsumersOf<typeof domain>;

export const handlers: string = import.meta.dirname;
