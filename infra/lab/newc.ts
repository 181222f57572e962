/** Writes a cpio archive in the newc format, the one the kernel unpacks as its first root (Documentation/driver-api/early-userspace/buffer-format). */

/** One entry; `path` without a leading slash, parents before their children. */
export type NewcEntry =
  | { path: string; kind: 'directory' }
  | { path: string; kind: 'file'; mode: number; content: Buffer }
  | { path: string; kind: 'link'; target: string };

/** The whole archive, trailer included. All owners are root and all times 0, so equal entries give equal bytes. */
export function newcArchive(entries: readonly NewcEntry[]): Buffer {
  const records = entries.map((entry, index) => record(index + 1, entry.path, modeOf(entry), contentOf(entry)));
  return Buffer.concat([...records, record(0, 'TRAILER!!!', 0, Buffer.alloc(0))]);
}

const fileType = { directory: 0o040_000, file: 0o100_000, link: 0o120_000 };

function modeOf(entry: NewcEntry): number {
  return fileType[entry.kind] | (entry.kind === 'file' ? entry.mode : entry.kind === 'link' ? 0o777 : 0o755);
}

function contentOf(entry: NewcEntry): Buffer {
  if (entry.kind === 'file') return entry.content;
  return entry.kind === 'link' ? Buffer.from(entry.target) : Buffer.alloc(0);
}

function record(inode: number, path: string, mode: number, content: Buffer): Buffer {
  const name = Buffer.from(`${path}\0`);
  const links = 1;
  // c_ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(content)]);
}

function padded(part: Buffer): Buffer {
  return Buffer.concat([part, Buffer.alloc(-part.length & 3)]);
}
