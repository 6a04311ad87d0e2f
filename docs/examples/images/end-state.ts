/** What the consumer must have made of images: a thumbnail of each, which says by its metadata which event it was made of. */
import type { EndState } from '../../../contract/domain.ts';
import type { Image } from './images.ts';
import { sources } from './test-images.ts';

/** An object, as `cli/outcomes/object-records.ts` describes it. */
interface ThumbnailRecord {
  readonly digest: string;
  readonly at: string;
}

export const imageEndState: EndState<Image> = {
  recorded: ['created'],
  read(item) {
    const { digest, at } = item as unknown as ThumbnailRecord;
    return { digest, at: new Date(at), events: [], attributes: {} };
  },
  initialObjects: { images: sources },
};
