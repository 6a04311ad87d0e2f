import type { TestEvents } from '../../../contract/domain.ts';
import { pick, type Random } from '../../../contract/random.ts';
import type { Image } from './images.ts';

/** Widths of the thumbnails that a gallery asks for, in pixels. */
const WIDTHS = [32, 64, 128] as const;

/** Key → the object that was uploaded. */
export const sources: Readonly<Record<string, string>> = {
  'incoming/sun.svg': svg(640, 640, '<circle cx="320" cy="320" r="200" fill="gold"/>'),
  'incoming/sea.svg': svg(1_200, 400, '<path d="M0 200h1200v200H0z" fill="navy"/>'),
  'incoming/tower.svg': svg(300, 900, '<path d="M100 0h100v900H100z" fill="gray"/>'),
};

export const testImages: TestEvents<Image> = {
  create: newImage,
  conflictWith: (image) => ({ ...image, width: image.width + 1 }),
  poison: {
    'not-json': { error: 'NotJson', body: (image) => JSON.stringify(image).slice(0, -1) },
    'no-width': { error: 'SchemaViolation', body: (image) => JSON.stringify({ ...image, width: 0 }) },
    'not-uploaded': {
      error: 'SchemaViolation',
      body: (image) => JSON.stringify({ ...image, source: 'thumbnails/sun.svg' }),
    },
    'unknown-version': {
      error: 'UnknownVersion',
      body: (image) => JSON.stringify({ ...image, schemaVersion: 2 }),
    },
  },
};

function newImage(imageId: string, now: Date, albums: number, random: Random): Image {
  return {
    eventType: 'image.uploaded',
    schemaVersion: 1,
    imageId,
    albumId: `album-${Math.floor(random() * albums)}`,
    uploadedAt: now.toISOString(),
    source: pick(Object.keys(sources), random),
    width: pick(WIDTHS, random),
  };
}

function svg(width: number, height: number, content: string): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return `<svg ${size} xmlns="http://www.w3.org/2000/svg">${content}</svg>`;
}
