/** Files, by the C layer's system calls. */

import { EFBIG } from '../../core/errno.ts';
import { openFlags, type FileStatus, type Files } from '../../core/platform.ts';
import { check, checkValue, failure, native } from './natives.ts';

/** Files of proc and sysfs are a few pages; a larger one must not fill the memory. */
const mostBytes = 4 * 2 ** 20;

/** For files of proc, whose size is unknown before. */
const chunkBytes = 64 * 1024;

/** st_mode's type (inode(7)). */
const kinds: Record<number, FileStatus['kind']> = {
  0o010000: 'fifo',
  0o020000: 'character',
  0o040000: 'directory',
  0o060000: 'block',
  0o100000: 'file',
  0o120000: 'link',
  0o140000: 'socket',
};
const kindMask = 0o170000;
const permissionMask = 0o7777;

export const files: Files = {
  open: (path, flags, mode) => check(native.open(path, flags, mode)),
  close: (fd) => void check(native.close(fd)),
  read: (fd, count) => checkValue(native.read(fd, count)),
  write: (fd, bytes, from) => check(native.write(fd, bytes, from)),
  seek: (fd, offset, whence) => check(native.seek(fd, offset, whence)),
  changeMode: (fd, mode) => void check(native.changeMode(fd, mode)),
  readText: (path) => native.decode(readBytes(path)),
  readBytes,
  writeText: (path, text) => writeWhole(path, openFlags.writeOnly | openFlags.truncate, text, 0),
  replaceText(path, text, mode) {
    const temporary = `${path}.${native.pid()}.tmp`;
    native.unlink(temporary);
    // Exclusive, so that a link that another user left under this name is never followed (open(2), O_EXCL).
    writeWhole(temporary, openFlags.writeOnly | openFlags.create | openFlags.exclusive, text, mode);
    check(native.rename(temporary, path));
  },
  unlink: (path) => void check(native.unlink(path)),
  list: (path) => checkValue(native.list(path)),
  readLink: (path) => checkValue(native.readLink(path)),
  resolve: (path) => checkValue(native.resolve(path)),
  status(path) {
    const [mode, major, minor, ofMajor, ofMinor, size] = checkValue(native.status(path));
    return {
      kind: kinds[mode & kindMask]!,
      device: { major, minor },
      rdev: { major: ofMajor, minor: ofMinor },
      size,
      mode: mode & permissionMask,
    };
  },
  isExecutable: (path) => native.isExecutable(path) === 0,
};

function readBytes(path: string): Uint8Array {
  const fd = check(native.open(path, openFlags.readOnly, 0));
  try {
    const first = checkValue(native.read(fd, chunkBytes));
    const chunks = [first];
    let length = first.length;
    for (let last = first; last.length > 0; length += last.length) {
      if (length > mostBytes) throw failure(EFBIG);
      last = checkValue(native.read(fd, chunkBytes));
      chunks.push(last);
    }
    return length === first.length ? first : join(chunks, length);
  } finally {
    native.close(fd);
  }
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function writeWhole(path: string, flags: number, text: string, mode: number): void {
  const fd = check(native.open(path, flags, mode));
  try {
    const bytes = native.utf8(text);
    for (let from = 0; from < bytes.length;) from += check(native.write(fd, bytes, from));
  } finally {
    native.close(fd);
  }
}
