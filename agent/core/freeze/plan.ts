/** What a freeze is about to freeze: every superblock with a device once, by a path that leads to it, what is stacked above first. */

import { SystemError, type FreezeTarget, type Platform } from '../platform.ts';
import { deviceKey, mayHang, mountTree, readMounts, superblockOf, type Mount } from '../mounts.ts';
import { carriersOf } from './carriers.ts';

export interface PlannedFilesystem extends FreezeTarget {
  /** The mount point as its owner knows it. */
  mountPoint: string;
  type: string;
  /** Name of the block device, `vda1`. */
  deviceName: string;
}

export interface FreezePlan {
  /** In the order of freezing. */
  filesystems: PlannedFilesystem[];
  /** Filesystems that no path leads to: each of their mounts lies hidden under another one. */
  unreachable: Omit<PlannedFilesystem, 'path'>[];
}

interface Superblock {
  /** `major:minor` of the block device. */
  key: string;
  /** All its mounts that were seen, in ours first. */
  mounts: { mount: Mount; path: string; reachable: boolean; detour: boolean }[];
}

/** `wanted`: only the filesystems with a mount at one of these places, a bind mount or a subvolume included. */
export function planFreeze(platform: Platform, wanted: readonly string[] | undefined): FreezePlan {
  const superblocks = findSuperblocks(platform);
  const places = wanted && new Set(wanted.map(withoutSlash));
  const chosen = [...superblocks.values()].filter(
    ({ mounts }) => !places || mounts.some(({ mount }) => places.has(mount.mountPoint)),
  );
  const levels = levelsOf(platform, superblocks);
  // Later mounts stand on earlier ones more often than not: where the device graph is silent they are frozen first.
  const ordered = chosen.toReversed().toSorted((one, other) => levels(other.key) - levels(one.key));
  const plan: FreezePlan = { filesystems: [], unreachable: [] };
  for (const superblock of ordered) {
    const best =
      superblock.mounts.find(({ reachable, detour }) => reachable && !detour) ??
      superblock.mounts.find(({ reachable }) => reachable);
    const shown = (best ?? superblock.mounts[0]!).mount;
    const described = {
      mountPoint: shown.mountPoint,
      type: shown.type,
      deviceName: deviceName(platform, superblock.key),
      device: shown.device,
    };
    if (best) plan.filesystems.push({ ...described, path: best.path });
    else plan.unreachable.push(described);
  }
  return plan;
}

function findSuperblocks(platform: Platform): Map<string, Superblock> {
  const found = new Map<string, Superblock>();
  const add = (mounts: readonly Mount[], prefix: string) => {
    const tree = mountTree(mounts);
    for (const mount of mounts) {
      const key = superblockOf(platform, mount);
      if (key === undefined) continue;
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
      // The process has ended since: so have its mounts, or another process of its namespace will be met.
      if (!(error instanceof SystemError)) throw error;
    }
  }
  return found;
}

/** One process of each mount namespace that is not ours. */
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

/** How many filesystems lie below one: 0 on a plain disk, 1 on a loop device over a file of that, and so on. */
function levelsOf(platform: Platform, superblocks: ReadonlyMap<string, Superblock>): (key: string) => number {
  const byAnonymous = new Map<string, string>();
  for (const { key, mounts } of superblocks.values())
    for (const { mount } of mounts) byAnonymous.set(deviceKey(mount.device), key);
  const known = new Map<string, number>();
  function level(key: string): number {
    const before = known.get(key);
    if (before !== undefined) return before;
    // Devices cannot lie in a circle; whoever makes it look so must not make us go round.
    known.set(key, 0);
    const below = carriersOf(platform, key).map((device) => byAnonymous.get(deviceKey(device)));
    const found = 1 + Math.max(-1, ...below.map((carrier) => (carrier === undefined ? -1 : level(carrier))));
    known.set(key, found);
    return found;
  }
  return level;
}

function deviceName({ files }: Platform, key: string): string {
  try {
    const path = files.readLink(`/sys/dev/block/${key}`);
    return path.slice(path.lastIndexOf('/') + 1);
  } catch {
    return key;
  }
}

function withoutSlash(place: string): string {
  return place.length > 1 && place.endsWith('/') ? place.replace(/\/+$/, '') || '/' : place;
}
