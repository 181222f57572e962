/** The inspection of a disk whose raw image is a file. */

import { open, type FileHandle } from 'node:fs/promises';
import type { Area } from '../inspect/area.ts';
import { inspectDisk, unreadable } from '../inspect/inspect.ts';
import type { DiskInspection } from '../model/point/point.ts';

/** Reads the image at `path` and never writes to it; an image that cannot be read is a row that says so. */
export async function inspectImage(path: string): Promise<DiskInspection> {
  try {
    await using file = await open(path, 'r');
    return await inspectDisk(imageArea(file, (await file.stat()).size));
  } catch (error) {
    return unreadable(error);
  }
}

/** The whole of an open file of `size` bytes. */
function imageArea(file: FileHandle, size: number): Area {
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
