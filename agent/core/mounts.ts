/** The mount table (proc(5), mountinfo), and which mount a process reaches by a path. */

import type { DeviceNumber, Platform } from './platform.ts';
import { orUndefined } from './system/call-errors.ts';

export interface Mount {
  id: number;
  parent: number;
  /**
   * The superblock: its block device, or a number that the kernel made for it (major 0: tmpfs, NFS, btrfs). All mounts of one
   * superblock have the same. It is not st_dev: files of a btrfs have the st_dev of their subvolume.
   */
  device: DeviceNumber;
  /** Directory of the filesystem that is mounted: not `/` for a bind mount or a subvolume. */
  root: string;
  mountPoint: string;
  options: string;
  type: string;
  source: string;
}

/** The table of a process; our own when none is named. @throws SystemError */
export function readMounts({ files }: Platform, pid: number | 'self' = 'self'): Mount[] {
  return files
    .readText(`/proc/${pid}/mountinfo`)
    .split('\n')
    .map(parseMount)
    .filter((mount) => mount !== undefined);
}

/** Undefined for a line that does not describe a mount. */
export function parseMount(line: string): Mount | undefined {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  const [id, parent, device, root, mountPoint, options] = fields;
  const [major, minor] = device?.split(':').map(Number) ?? [];
  const type = fields[separator + 1];
  if (separator < 0 || options === undefined || major === undefined || minor === undefined || type === undefined)
    return undefined;
  return {
    id: Number(id),
    parent: Number(parent),
    device: { major, minor },
    root: unescapeOctal(root!),
    mountPoint: unescapeOctal(mountPoint!),
    options,
    type,
    source: unescapeOctal(fields[separator + 2] ?? ''),
  };
}

/** Space, tab, newline and backslash are written in octal. */
function unescapeOctal(text: string): string {
  return text.includes('\\')
    ? text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
    : text;
}

/** One mount for each device that can hold a local filesystem, the first of the table: qemu-ga's list since 10.0. */
export function blockFilesystems(platform: Platform): Mount[] {
  const isOnDevice = onDevice(platform);
  const seen = new Set<string>();
  return readMounts(platform).filter((mount) => {
    const superblock = deviceKey(mount.device);
    if (!isOnDevice(mount) || seen.has(superblock)) return false;
    seen.add(superblock);
    return true;
  });
}

/**
 * Recognizes filesystems on block devices. One that spans several (btrfs, bcachefs) has a number of major 0, as network filesystems
 * have; its type is one that the kernel does not mark `nodev` (proc(5), filesystems).
 */
export function onDevice({ files }: Platform): (mount: Mount) => boolean {
  const text = orUndefined(() => files.readText('/proc/filesystems')) ?? '';
  const types = new Set(text.split('\n').flatMap((line) => (line.startsWith('\t') ? [line.slice(1)] : [])));
  return ({ device, type }) => device.major !== 0 || types.has(type);
}

/** `major:minor` of a block device that holds the filesystem; undefined where the mount names none. */
export function blockDeviceOf({ files }: Platform, { device, source }: Mount): string | undefined {
  if (device.major !== 0) return deviceKey(device);
  const status = source.startsWith('/') ? orUndefined(() => files.status(source)) : undefined;
  return status?.kind === 'block' ? deviceKey(status.rdev) : undefined;
}

/** The mount through which this process reaches `path`. @throws SystemError */
export function mountAt(platform: Platform, path: string): Mount | undefined {
  return mountTree(readMounts(platform)).at(platform.files.resolve(path));
}

/** Types of filesystem on which a call may wait without end for another machine or process. */
export const mayHang = /^(nfs|cifs|smb|fuse($|[.b])|9p|ceph|afs|virtiofs|autofs|glusterfs|ocfs2|gfs2)/;

export const deviceKey = ({ major, minor }: DeviceNumber) => `${major}:${minor}`;

/** Which mount is on which, to follow a path as the kernel does: the last mount on a place hides the earlier ones. */
export interface MountTree {
  /** Whether the path of the mount point leads to this mount, and not to one above it. */
  isReachable(mount: Mount): boolean;
  /** The mount that holds the file of an absolute path without links. */
  at(path: string): Mount | undefined;
  /** Types of all mounts on the way of the path, without the mount's own. */
  typesOnTheWay(mount: Mount): string[];
}

export function mountTree(mounts: readonly Mount[]): MountTree {
  const ids = new Set(mounts.map((mount) => mount.id));
  const on = new Map<string, Mount>();
  for (const mount of mounts) on.set(`${mount.parent} ${mount.mountPoint}`, mount);
  const top = mounts.find((mount) => mount.mountPoint === '/' && (!ids.has(mount.parent) || mount.parent === mount.id));

  function walk(path: string): Mount[] {
    const passed: Mount[] = [];
    let current = top;
    for (const place of placesOf(path)) {
      for (let next = current; next; next = on.get(`${next.id} ${place}`)) {
        if (next !== passed.at(-1)) passed.push(next);
        current = next;
        if (on.get(`${next.id} ${place}`) === next) break;
      }
    }
    return passed;
  }

  return {
    isReachable: (mount) => walk(mount.mountPoint).at(-1) === mount,
    at: (path) => walk(path).at(-1),
    typesOnTheWay: (mount) =>
      walk(mount.mountPoint)
        .slice(0, -1)
        .map((each) => each.type),
  };
}

/** `/a/b` → `/`, `/a`, `/a/b`. */
function placesOf(path: string): string[] {
  const places = ['/'];
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) places.push(path.slice(0, at));
  if (path !== '/') places.push(path);
  return places;
}
