import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { ArchiveObject } from '../../contract/archive.ts';
import { s3 } from '../clients.ts';

const compress = promisify(gzip);

/** The bucket of the archive, as far as its function writes it. */
export function archiveBucket(Bucket: string) {
  return {
    /** Writes an object; one that is there already is the same. @throws whatever the SDK throws */
    async put({ key, content }: ArchiveObject, abortSignal: AbortSignal): Promise<void> {
      const Body = await compress(content);
      await s3.send(new PutObjectCommand({ Bucket, Key: key, Body, ContentType: 'application/gzip' }), {
        abortSignal,
      });
    },
  };
}
