import type { Words } from '../../../contract/domain.ts';

export const words = {
  program: 'npm run orders -- --domain images',
  title: 'Image fan-out',
  noun: 'image',
  plural: 'images',
  idField: 'imageId',
  consumer: 'thumbnails',
  condition: 'images',
} as const satisfies Words;
