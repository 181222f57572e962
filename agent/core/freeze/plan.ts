/** Plans a freeze: every superblock on a device once, by a path that leads to it, stacked ones first. */

import { SystemError, type FreezeTarget, type Platform } from '../platform.ts';
import { blockDeviceOf, deviceKey, mayHang, mountTree, onDevice, readMounts, type Mount } from '../mounts.ts';
import { orUndefined } from '../system/call-errors.ts';
import { carriersOf, type Carrier } from './carriers.ts';
import { placesOf } from './places.ts';

export interface PlannedFilesystem extends FreezeTarget {
  /** The mount point as the guest's owner knows it. */
  mountPoint: string;
  type: string;
  /** Name of the block device, `vda1`. */
  deviceName: string;
  /** Where the disks below it are attached. */
  places: string[];
}

export interface FreezePlan {
  /** In the order of freezing. */
  filesystems: PlannedFilesystem[];
  /** Filesystems without a path to them: each of their mounts is hidden under another mount. */
  unreachable: Omit<PlannedFilesystem, 'path'>[];
}

interface Superblock {
  /** `major:minor` that all its mounts have in mountinfo. */
  key: string;
  /** All its mounts that were found, those of our own namespace first. */
  mounts: SeenMount[];
}

interface SeenMount {
  mount: Mount;
  path: string;
  reachable: boolean;
  detour: boolean;
}

/** `wanted`: only the filesystems with a mount at one of these places, a bind mount or a subvolume included. */
export function planFreeze(platform: Platform, wanted: readonly string[] | undefined): FreezePlan {
  const superblocks = findSuperblocks(platform);
  const places = wanted && new Set(wanted.map(withoutSlash));
  const chosen = [...superblocks.values()].filter(
    ({ mounts }) => !places || mounts.some(({ mount }) => places.has(mount.mountPoint)),
  );
  const levels = levelsOf(platform, superblocks);
  // Later mounts are usually stacked on earlier ones: where the device graph says nothing, they are frozen first.
  const ordered = chosen.toReversed().toSorted((one, other) => levels(other.key) - levels(one.key));
  const plan: FreezePlan = { filesystems: [], unreachable: [] };
  for (const superblock of ordered) {
    const best = bestMount(platform, superblock);
    const shown = (best ?? superblock.mounts[0]!).mount;
    const described = {
      mountPoint: shown.mountPoint,
      type: shown.type,
      deviceName: deviceName(platform, shown),
      places: placesOf(platform, shown),
      device: shown.device,
      mountId: shown.id,
    };
    if (best) plan.filesystems.push({ ...described, path: best.path });
    else plan.unreachable.push(described);
  }
  return plan;
}

/** The targets by the present mount tables, in the same order; undefined where no path leads to the filesystem any more. */
export function locate(platform: Platform, targets: readonly FreezeTarget[]): (FreezeTarget | undefined)[] {
  const superblocks = findSuperblocks(platform);
  return targets.map(({ device }) => {
    const superblock = superblocks.get(deviceKey(device));
    const best = superblock && bestMount(platform, superblock);
    return best && { path: best.path, device, mountId: best.mount.id };
  });
}

/** A path to it, through no remote filesystem where such a path exists. */
function bestMount(platform: Platform, { mounts }: Superblock): SeenMount | undefined {
  const reachable = mounts.filter((each) => each.reachable);
  const direct = reachable.filter(({ detour }) => !detour);
  const candidates = direct.length > 0 ? direct : reachable;
  // A socket, a pipe or a device can be a mount point too, and cannot be opened for this. The kernel keeps mounts in memory:
  // this check waits for no disk.
  const openable = (path: string) => ['directory', 'file'].includes(orUndefined(() => platform.files.status(path).kind) ?? '');
  return candidates.length > 1 && direct.length > 0
    ? (candidates.find(({ path }) => openable(path)) ?? candidates[0])
    : candidates[0];
}

function findSuperblocks(platform: Platform): Map<string, Superblock> {
  const found = new Map<string, Superblock>();
  const isOnDevice = onDevice(platform);
  const add = (mounts: readonly Mount[], prefix: string) => {
    const tree = mountTree(mounts);
    for (const mount of mounts) {
      if (!isOnDevice(mount)) continue;
      const key = deviceKey(mount.device);
      const superblock = found.get(key) ?? { key, mounts: [] };
      found.set(key, superblock);
      superblock.mounts.push({
        mount,
        path: prefix + mount.mountPoint,
        reachable: tree.isReachable(mount),
        detour: tree.typesOnTheWay(mount).some((type) => mayHang.test(type)),
      });
    }
  };
  add(readMounts(platform), '');
  for (const pid of otherNamespaces(platform)) {
    try {
      // A container's own mounts are reached through any process in it (proc(5), /proc/pid/root).
      add(readMounts(platform, pid), `/proc/${pid}/root`);
    } catch (error) {
      // The process has ended since: its mounts are gone too, or another process of its namespace will be found.
      if (!(error instanceof SystemError)) throw error;
    }
  }
  return found;
}

/** One process of each mount namespace other than our own. */
function otherNamespaces({ files }: Platform): number[] {
  const seen = new Set([files.readLink('/proc/self/ns/mnt')]);
  const pids: number[] = [];
  for (const name of files.list('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const namespace = files.readLink(`/proc/${name}/ns/mnt`);
      if (seen.has(namespace)) continue;
      seen.add(namespace);
      pids.push(Number(name));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
  }
  return pids;
}

/** How many filesystems are below one: 0 on a plain disk, 1 on a loop device over a file of that, and so on. */
function levelsOf(platform: Platform, superblocks: ReadonlyMap<string, Superblock>): (key: string) => number {
  const tree = mountTree(readMounts(platform));
  /** By st_dev, which is the superblock's own number except on a btrfs; there by the path of the file. */
  const keyOf = ({ device, path }: Carrier): string | undefined => {
    const key = deviceKey(device);
    if (superblocks.has(key)) return key;
    const mount = path === undefined ? undefined : orUndefined(() => tree.at(platform.files.resolve(path)));
    return mount && deviceKey(mount.device);
  };
  const blockDevice = (key: string) => {
    const mount = superblocks.get(key)?.mounts[0]?.mount;
    return mount && blockDeviceOf(platform, mount);
  };
  const known = new Map<string, number>();
  function level(key: string): number {
    const before = known.get(key);
    if (before !== undefined) return before;
    // Devices cannot form a circle; a sysfs that shows one must not make this loop for ever.
    known.set(key, 0);
    const device = blockDevice(key);
    const below = device === undefined ? [] : carriersOf(platform, device).map(keyOf);
    const found = 1 + Math.max(-1, ...below.map((carrier) => (carrier === undefined ? -1 : level(carrier))));
    known.set(key, found);
    return found;
  }
  return level;
}

function deviceName(platform: Platform, mount: Mount): string {
  const device = blockDeviceOf(platform, mount);
  const path = orUndefined(() => platform.files.readLink(`/sys/dev/block/${device}`));
  return path?.slice(path.lastIndexOf('/') + 1) ?? deviceKey(mount.device);
}

function withoutSlash(place: string): string {
  return place.length > 1 && place.endsWith('/') ? place.replace(/\/+$/, '') || '/' : place;
}
