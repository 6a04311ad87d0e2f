/** Images that somebody puts into a bucket, where a consumer puts a thumbnail beside each. No table takes part. */
import type { Domain } from '../../../contract/domain.ts';
import { imageEndState } from './end-state.ts';
import { imageEvents } from './images.ts';
import { testImages } from './test-images.ts';
import { words } from './words.ts';

export const domain = {
  ...words,
  stackName: 'ImageFanOut',
  service: 'image-fan-out',
  topic: 'images',
  events: imageEvents,
  testEvents: testImages,
  endState: imageEndState,
} satisfies Domain;
