/** A /proc and /sys as a test describes them: enough of `Files` to read mount tables and the graph of block devices. */

import { SystemError, type DeviceNumber, type FileStatus, type Files, type Platform } from '../../../agent/core/platform.ts';

export interface FakeTree {
  /** Path → text. Directories are there because something lies in them. */
  texts?: Record<string, string>;
  /** Path → what readlink(2) says; a relative target is resolved from the link's directory. */
  links?: Record<string, string>;
  /** Block device → its number. */
  devices?: Record<string, DeviceNumber>;
  /** Path of a file → number of the filesystem that holds it. */
  onDevice?: Record<string, DeviceNumber>;
  /** Paths of sockets. */
  sockets?: string[];
  /** Loop device → filesystem of its file, as LOOP_GET_STATUS64 knows it. */
  loops?: Record<string, DeviceNumber>;
}

export function fakeTreePlatform({
  texts = {},
  links = {},
  devices = {},
  onDevice = {},
  sockets = [],
  loops = {},
}: FakeTree): Platform {
  const paths = [...[texts, links, devices, onDevice].flatMap((each) => Object.keys(each)), ...sockets];
  const missing = () => new SystemError(2, 'No such file or directory');

  function resolve(path: string): string {
    const places = path.split('/').filter((part) => part !== '');
    let resolved = '';
    for (const [index, part] of places.entries()) {
      const link = links[`${resolved}/${part}`];
      if (link !== undefined) {
        const rest = places.slice(index + 1).join('/');
        const target = link.startsWith('/') ? link : normal(`${resolved}/${link}`);
        return resolve(rest === '' ? target : `${target}/${rest}`);
      }
      resolved += `/${part}`;
    }
    if (!paths.some((each) => each === resolved || each.startsWith(`${resolved}/`))) throw missing();
    return resolved;
  }

  const files = {
    readText: (path: string) => texts[resolve(path)] ?? raise(missing()),
    readLink: (path: string) => links[path] ?? raise(missing()),
    resolve,
    list(path: string) {
      const below = `${resolve(path)}/`;
      const names = paths.filter((each) => each.startsWith(below)).map((each) => each.slice(below.length).split('/')[0]!);
      return [...new Set(names)];
    },
    status(path: string): FileStatus {
      const real = resolve(path);
      const none = { major: 0, minor: 0 };
      const kind = sockets.includes(real)
        ? 'socket'
        : devices[real]
          ? 'block'
          : texts[real] === undefined && !onDevice[real]
            ? 'directory'
            : 'file';
      return { kind, device: onDevice[real] ?? none, rdev: devices[real] ?? none, size: 0, mode: 0o644 };
    },
  } as Files;
  const kernel = { loopBacking: (device: string) => loops[device] } as Platform['kernel'];
  return { files, kernel } as Platform;
}

function raise(error: Error): never {
  throw error;
}

function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
