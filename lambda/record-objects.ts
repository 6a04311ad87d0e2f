/** Objects in S3 that keep one record of each event under its ID, however often the event is delivered. */
import {
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import {
  type AnyEvent,
  digestOf,
  type EventCatalogue,
  type RecordNames,
} from '../contract/event-catalogue.ts';
import { s3 } from './clients.ts';
import { PermanentError } from './permanent-error.ts';

/**
 * An object is written once and never replaced; its metadata `digest` says which event it was made of.
 * @param bucket its name
 * @param prefix what the keys begin with; the ID of the event follows
 */
export function recordObjects(
  catalogue: Pick<EventCatalogue, 'idOf'> & { readonly settings: RecordNames },
  bucket: string,
  prefix: `${string}/`,
) {
  const { noun, idField, conflictError } = catalogue.settings;
  return {
    /**
     * Records an event as an object.
     * @throws PermanentError where a different event is recorded under its ID
     */
    async create(
      event: AnyEvent,
      object: Pick<PutObjectCommandInput, 'Body' | 'ContentType'>,
      abortSignal: AbortSignal,
    ): Promise<'created' | 'duplicate'> {
      const digest = digestOf(event);
      const at = { Bucket: bucket, Key: prefix + catalogue.idOf(event) };
      try {
        const put = { ...object, ...at, Metadata: { digest }, IfNoneMatch: '*' };
        await s3.send(new PutObjectCommand(put), { abortSignal });
        return 'created';
      } catch (error) {
        // 409, where another write is under way, is left to the queue's retry.
        if (!(error instanceof S3ServiceException) || error.name !== 'PreconditionFailed') throw error;
      }
      const existing = await s3.send(new HeadObjectCommand(at), { abortSignal });
      if (existing.Metadata?.digest === digest) return 'duplicate';
      throw new PermanentError(conflictError, `a different ${noun} is recorded under this ${idField}`);
    },
  };
}
