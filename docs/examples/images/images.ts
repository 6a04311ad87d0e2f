/** What an uploaded image is, and how a smaller one is made of it. */
import * as z from 'zod/mini';
import { EventCatalogue, eventDefinition } from '../../../contract/event-catalogue.ts';
import { id, literal, pattern, time, wholeNumber } from '../../../contract/fields.ts';
import { words } from './words.ts';

const imageSchema = z.object({
  eventType: literal('image.uploaded'),
  schemaVersion: literal(1),
  imageId: id,
  albumId: id,
  uploadedAt: time,
  /** Key of the object that was uploaded: nothing else in the bucket can be asked for. */
  source: pattern(/^incoming\/[A-Za-z0-9_-]{1,64}\.svg$/, 'a key like incoming/sunset.svg'),
  /** Of the thumbnail, in pixels. */
  width: wholeNumber(1, 1_024),
});

export type Image = z.output<typeof imageSchema>;

export const imageEvents = new EventCatalogue({
  noun: words.noun,
  idField: words.idField,
  digestField: 'digest',
  groupField: 'albumId',
  conflictError: 'ImageConflict',
  outcomes: {},
  types: {
    'image.uploaded': eventDefinition<Image>({
      versions: { 1: imageSchema },
      time: 'uploadedAt',
      effect: 'creates',
    }),
  },
});

/** The SVG in another size, of the same proportions; undefined where it does not begin with its width and height. */
export function resized(svg: string, width: number): string | undefined {
  const [start, before, height] = /^<svg width="([1-9]\d*)" height="([1-9]\d*)"/.exec(svg) ?? [];
  if (start === undefined) return undefined;
  const newHeight = Math.max(1, Math.round((Number(height) * width) / Number(before)));
  return `<svg width="${width}" height="${newHeight}"${svg.slice(start.length)}`;
}
