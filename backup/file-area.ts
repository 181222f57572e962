/** An image in a file, as an area that inspect/ reads. */

import type { FileHandle } from 'node:fs/promises';
import type { Area } from '../inspect/area.ts';

export async function fileArea(file: FileHandle): Promise<Area> {
  const { size } = await file.stat();
  return {
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
  };
}
