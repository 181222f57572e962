/** Files by node:fs. Node has no lseek(2), so the position in each file is kept here. */

import fs from 'node:fs';
import { EFBIG, EINVAL, ESPIPE } from '../../core/errno.ts';
import { openFlags, type DeviceNumber, type Files, type FileStatus } from '../../core/platform.ts';
import { sys, systemError } from './system-error.ts';

/** The contract's bound for files that are read whole. */
const mostWholeBytes = 4 * 2 ** 20;

/** Of one open file; undefined where the file has no positions. */
interface Place {
  at: number;
  append: boolean;
}

/** `root` precedes every absolute path: a tree that a test has made looks like the guest's own. */
export function createFiles(root = ''): Files {
  const places = new Map<number, Place | undefined>();
  const real = (path: string) => (path.startsWith('/') ? root + path : path);

  function readBytes(path: string): Uint8Array {
    return sys(() => {
      if (fs.statSync(real(path)).size > mostWholeBytes) throw systemError(EFBIG);
      const content = fs.readFileSync(real(path));
      if (content.length > mostWholeBytes) throw systemError(EFBIG);
      return content;
    });
  }

  return {
    open(path, flags, mode) {
      return sys(() => {
        const fd = fs.openSync(real(path), flags, mode);
        const stat = fs.fstatSync(fd);
        const hasPlaces = stat.isFile() || stat.isDirectory();
        places.set(fd, hasPlaces ? { at: 0, append: (flags & openFlags.append) !== 0 } : undefined);
        return fd;
      });
    },
    close(fd) {
      places.delete(fd);
      sys(() => fs.closeSync(fd));
    },
    read(fd, count) {
      const place = places.get(fd);
      const buffer = Buffer.alloc(count);
      const length = sys(() => fs.readSync(fd, buffer, 0, count, place ? place.at : null));
      if (place) place.at += length;
      return buffer.subarray(0, length);
    },
    write(fd, bytes, from) {
      const place = places.get(fd);
      if (place?.append) place.at = fs.fstatSync(fd).size;
      const length = sys(() => fs.writeSync(fd, bytes, from, bytes.length - from, place ? place.at : null));
      if (place) place.at += length;
      return length;
    },
    seek(fd, offset, whence) {
      const place = places.get(fd);
      if (!place) throw systemError(ESPIPE);
      const from = whence === 0 ? 0 : whence === 1 ? place.at : fs.fstatSync(fd).size;
      const target = BigInt(from) + offset;
      if (target < 0n || target > Number.MAX_SAFE_INTEGER) throw systemError(EINVAL);
      place.at = Number(target);
      return place.at;
    },
    changeMode: (fd, mode) => sys(() => fs.fchmodSync(fd, mode)),
    readText: (path) => Buffer.from(readBytes(path)).toString('utf8'),
    readBytes,
    writeText: (path, text) => sys(() => fs.writeFileSync(real(path), text)),
    replaceText(path, text, mode) {
      const temporary = `${real(path)}.${process.pid}.tmp`;
      sys(() => {
        fs.rmSync(temporary, { force: true });
        fs.writeFileSync(temporary, text, { mode, flag: 'wx' });
        fs.renameSync(temporary, real(path));
      });
    },
    unlink: (path) => sys(() => fs.unlinkSync(real(path))),
    list: (path) => sys(() => fs.readdirSync(real(path))),
    readLink: (path) => sys(() => fs.readlinkSync(real(path))),
    resolve(path) {
      const resolved = sys(() => fs.realpathSync(real(path)));
      return root !== '' && resolved.startsWith(`${root}/`) ? resolved.slice(root.length) : resolved;
    },
    status: (path) => statusOf(sys(() => fs.statSync(real(path), { bigint: true }))),
    isExecutable(path) {
      try {
        fs.accessSync(real(path), fs.constants.X_OK);
        return true;
      } catch {
        return false;
      }
    },
  };
}

function statusOf(stat: fs.BigIntStats): FileStatus {
  return {
    kind: kindOf(stat),
    device: deviceOf(stat.dev),
    rdev: deviceOf(stat.rdev),
    size: Number(stat.size),
    mode: Number(stat.mode & 0o7777n),
  };
}

function kindOf(stat: fs.BigIntStats): FileStatus['kind'] {
  if (stat.isDirectory()) return 'directory';
  if (stat.isBlockDevice()) return 'block';
  if (stat.isCharacterDevice()) return 'character';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  return stat.isSymbolicLink() ? 'link' : 'file';
}

/** makedev(3), glibc's layout. */
function deviceOf(number: bigint): DeviceNumber {
  return {
    major: Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n)),
    minor: Number((number & 0xffn) | ((number >> 12n) & 0xffffff00n)),
  };
}
