import { GetObjectCommand } from '@aws-sdk/client-s3';
import { s3 } from '../../../../lambda/clients.ts';
import { environment } from '../../../../lambda/environment.ts';
import { eventConsumer } from '../../../../lambda/event-consumer.ts';
import { PermanentError } from '../../../../lambda/permanent-error.ts';
import { recordObjects } from '../../../../lambda/record-objects.ts';
import { imageEvents, resized } from '../images.ts';

const Bucket = environment('IMAGES_BUCKET');
const thumbnails = recordObjects(imageEvents, Bucket, 'thumbnails/');

export const handler = eventConsumer(imageEvents, {
  'image.uploaded': async (image, _at, abortSignal) => {
    // A source that is not there yet, as where a message overtakes its upload, is tried again until it is dead-lettered: without
    // the right to list the bucket, S3's answer is the same as to a missing permission.
    const original = await s3.send(new GetObjectCommand({ Bucket, Key: image.source }), { abortSignal });
    const thumbnail = resized((await original.Body?.transformToString()) ?? '', image.width);
    if (thumbnail === undefined) throw new PermanentError('NotAnImage', 'source is no SVG with a size');
    return await thumbnails.create(image, { Body: thumbnail, ContentType: 'image/svg+xml' }, abortSignal);
  },
});
