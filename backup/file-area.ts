/** An image in a file, as an area that inspect/ reads. */

import { openPlain } from '../lib/plain-file.ts';
import type { Area } from '../inspect/area.ts';

/** The file is open until the promise of `use` settles. */
export async function withFileArea<T>(path: string, use: (area: Area) => Promise<T>): Promise<T> {
  await using file = await openPlain(path);
  const { size } = await file.stat();
  return await use({
    length: size,
    async read(offset, length, into) {
      const buffer = into === undefined ? Buffer.allocUnsafe(length) : into.subarray(0, length);
      for (let done = 0; done < length;) {
        const { bytesRead } = await file.read(buffer, done, length - done, offset + done);
        if (bytesRead === 0) throw new Error(`the image ends at ${offset + done} while it is read`);
        done += bytesRead;
      }
      return buffer;
    },
  });
}
