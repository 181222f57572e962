/** A directory of restore points: a point exists from the moment its manifest is on the disk, whole, or not at all. */

import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { exists, makeDirectory, syncPath, writeDurably } from '../lib/durable.ts';
import { errnoOf } from '../lib/errno.ts';
import { demandOwn, WritableByOthersError } from '../lib/strict-modes.ts';
import { NotPlainError, openPlain, readPlain } from '../lib/plain-file.ts';
import { StillframeError, messageOf } from '../model/errors.ts';
import { backupId, idPattern, isBackupId, type BackupId } from '../model/ids.ts';
import { didYouMean } from '../model/near.ts';
import type { PointDisk, RestorePoint } from '../model/point/point.ts';
import { explainErrno } from './explain-errno.ts';
import { damagedManifest, formatDisks, formatManifest, longestManifest, parseDisks, parseManifest } from './manifest.ts';
import { judgeOrigin, longestSignature, signatureFile, type Origin, type Signer, type TrustedKeys } from './signature.ts';

const markerFile = 'stillframe-repository.json';
export const manifestFile = 'manifest.json';
/** What the copy found, from its end until the manifest says it. */
const disksFile = 'disks.json';

export interface PointList {
  /** Oldest point in time first. */
  points: RestorePoint[];
  /** Folders whose manifest cannot be trusted. */
  damaged: { id: string; problem: string }[];
}

export interface Repository {
  readonly directory: string;
  readonly id: string;
  /**
   * An empty directory to write the images of a new point into; whatever an earlier attempt left there is gone.
   * @throws repository-unwritable, input-invalid when the point exists already
   */
  begin(id: BackupId): Promise<string>;
  /** Makes durable what the copy found on each disk, beside the images of the begun point, for `commit` to rely on. */
  recordDisks(id: BackupId, disks: readonly PointDisk[]): Promise<void>;
  /** @throws copy-failed when there is no such record: the copy did not end */
  recordedDisks(id: BackupId): Promise<PointDisk[]>;
  /**
   * Makes the begun directory, the signature and the manifest durable, in this order. A repeated call finds what the first one did.
   * @throws repository-unwritable, copy-failed when an image is missing or has another size than the manifest says
   */
  commit(point: RestorePoint, signer: Signer): Promise<void>;
  /** Removes what was begun and not committed. Whether there was anything. A committed point is never touched. */
  abandon(id: BackupId): Promise<boolean>;
  /** @throws repository-unwritable when the directory cannot be read */
  list(): Promise<PointList>;
  /** The committed point; null when there is none. @throws point-damaged */
  find(id: BackupId): Promise<RestorePoint | null>;
  /** By what a person wrote. @throws point-unknown, point-damaged */
  read(id: string): Promise<RestorePoint>;
  /** Who vouches for a point, as it was read from this repository: the very object that `find`, `read` or `list` gave. */
  origin(point: RestorePoint, trusted: TrustedKeys): Promise<Origin>;
  /** Path of an image of a point that was read. */
  image(id: BackupId, file: string): string;
}

/** @throws repository-unknown when the directory is not a repository, repository-unwritable */
export async function openRepository(directory: string): Promise<Repository> {
  const id = await readMarker(directory);
  if (id === null) {
    throw new StillframeError(
      'repository-unknown',
      `${directory} is not a repository: mount the disk that holds it, or make a new one with "stillframe repository init --path ${directory}"`,
      { directory },
    );
  }
  /** Of each point as it was read: what was signed is the text, which another version may have written with fields that this one does not know. */
  const texts = new WeakMap<RestorePoint, string>();
  const folder = (point: BackupId) => join(directory, 'points', backupId(point));
  const session = (point: BackupId) => join(directory, 'tmp', backupId(point));
  const manifest = (point: BackupId) => join(folder(point), manifestFile);
  const reading = <T>(work: () => Promise<T>) => explainErrno('repository-unwritable', directory, work);
  const writing = <T>(work: () => Promise<T>) =>
    reading(async () => {
      await demandOwnPlaces(directory);
      return work();
    });

  /** A directory without a manifest is not a restore point, even after the rename. */
  async function abandon(point: BackupId): Promise<boolean> {
    const remains = [session(point), ...((await exists(manifest(point))) ? [] : [folder(point)])];
    const found = [];
    for (const path of remains) if (await exists(path)) found.push(path);
    for (const path of found) await rm(path, { recursive: true, force: true });
    return found.length > 0;
  }

  async function pointNames(): Promise<BackupId[]> {
    return (await readdir(join(directory, 'points'))).filter(isBackupId);
  }

  async function find(point: BackupId): Promise<RestorePoint | null> {
    if (!(await isDirectory(folder(point)))) throw damagedManifest(point, 'its directory is not one');
    const text = await readText(manifest(point)).catch((error: unknown) => {
      throw error instanceof NotPlainError ? damagedManifest(point, `it ${error.message}`) : error;
    });
    if (text === null) return null;
    const parsed = parseManifest(text, point);
    texts.set(parsed, text);
    return parsed;
  }

  async function read(point: string): Promise<RestorePoint> {
    const found = isBackupId(point) ? await find(point) : null;
    if (found) return found;
    throw new StillframeError(
      'point-unknown',
      `no restore point ${JSON.stringify(point)} in ${directory}.${didYouMean(point, await pointNames())} "stillframe point list" shows all`,
      { point, repository: directory },
    );
  }

  return {
    directory,
    id,
    begin: (point) =>
      writing(async () => {
        if (await exists(manifest(point))) {
          throw new StillframeError(
            'input-invalid',
            `restore point ${point} exists already: each backup needs an id of its own`,
            {
              point,
            },
          );
        }
        await abandon(point);
        await closeToOthers(directory);
        await mkdir(session(point), { mode: 0o700 });
        return session(point);
      }),

    recordDisks: (point, disks) => writing(() => writeDurably(join(session(point), disksFile), formatDisks(disks))),

    recordedDisks: (point) =>
      reading(async () => {
        // A commit that was cut short has renamed the session already.
        for (const place of [session(point), folder(point)]) {
          const text = await readText(join(place, disksFile)).catch((error: unknown) => {
            throw error instanceof NotPlainError
              ? new StillframeError('copy-failed', `${place}: ${disksFile} ${error.message}: run the backup again`, { point })
              : error;
          });
          if (text !== null) return parseDisks(text, point);
        }
        throw new StillframeError('copy-failed', `${directory} holds no finished copy of backup ${point}: run the backup again`, {
          point,
        });
      }),

    commit: (point, signer) =>
      writing(async () => {
        if (await exists(manifest(point.id))) return;
        const text = formatManifest(point);
        parseManifest(text, point.id);
        // Renamed already: an earlier commit got that far.
        const begun = (await exists(session(point.id))) ? session(point.id) : folder(point.id);
        for (const { file, bytes } of point.disks) await syncImage(join(begun, file), bytes);
        await syncPath(begun);
        if (begun !== folder(point.id)) await rename(begun, folder(point.id));
        await syncPath(dirname(folder(point.id)));
        await syncPath(dirname(session(point.id)));
        await writeDurably(join(folder(point.id), signatureFile), signer.sign(id, text));
        await writeDurably(manifest(point.id), text);
        await rm(join(folder(point.id), disksFile), { force: true });
      }),

    abandon: (point) => writing(() => abandon(point)),
    find: (point) => reading(() => find(point)),
    read: (point) => reading(() => read(point)),

    list: () =>
      reading(async () => {
        const points: RestorePoint[] = [];
        const damaged: PointList['damaged'] = [];
        for (const name of await pointNames()) {
          try {
            const point = await find(name);
            if (point) points.push(point);
          } catch (error) {
            damaged.push({ id: name, problem: messageOf(error) });
          }
        }
        points.sort((a, b) => Date.parse(a.pointInTimeAt) - Date.parse(b.pointInTimeAt) || (a.id < b.id ? -1 : 1));
        return { points, damaged: damaged.sort((a, b) => (a.id < b.id ? -1 : 1)) };
      }),

    async origin(point, trusted) {
      const signature = await readText(join(folder(point.id), signatureFile), longestSignature).catch((error: unknown) => {
        // Something else in its place is no signature that could fit.
        if (error instanceof NotPlainError) return '';
        throw error;
      });
      const text = texts.get(point);
      if (text === undefined) throw new Error(`point ${point.id} was not read from this repository`);
      return judgeOrigin(id, { host: point.host, manifest: text, signature }, trusted);
    },

    image: (point, file) => join(folder(point), file),
  };
}

/**
 * Whoever may change one of these could lead what this process writes and removes there to any file of its own: reading such a repository does no
 * harm, writing into it does.
 */
async function demandOwnPlaces(directory: string): Promise<void> {
  for (const place of ['tmp', 'points'].map((name) => join(directory, name))) {
    const found = await demandOwn(place).then(
      () => null,
      (error: unknown) => error,
    );
    if (found === null && (await isDirectory(place))) continue;
    if (found !== null && !(found instanceof WritableByOthersError)) throw found;
    const why = found === null ? `${place} is not a directory` : found.message;
    throw new StillframeError(
      'repository-unwritable',
      `the repository ${directory} is not written into: ${why}. It must belong to the user that writes it, or to root, alone`,
      { directory },
    );
  }
}

/** The repository's id; null when there is no marker. */
async function readMarker(directory: string): Promise<string | null> {
  const wrong = (what: string) =>
    new StillframeError('repository-unknown', `${join(directory, markerFile)} ${what}: restore it, or name another directory`, {
      directory,
    });
  const text = await explainErrno('repository-unwritable', directory, () => readText(join(directory, markerFile))).catch(
    (error: unknown) => {
      throw error instanceof NotPlainError ? wrong(error.message) : error;
    },
  );
  if (text === null) return null;
  let marker: unknown;
  try {
    marker = JSON.parse(text);
  } catch {
    throw wrong('is damaged');
  }
  const { format, id } = (marker ?? {}) as { format?: unknown; id?: unknown };
  if (format !== 1) throw wrong(`has format ${JSON.stringify(format) ?? 'none'}, and this version reads format 1`);
  if (typeof id !== 'string' || !idPattern.test(id)) throw wrong('has no usable id');
  return id;
}

/** Makes a repository of an absent or empty directory. @throws input-invalid when it is one already, repository-unknown, repository-unwritable */
export async function createRepository(directory: string): Promise<Repository> {
  if ((await readMarker(directory)) !== null)
    throw new StillframeError(
      'input-invalid',
      `${directory} is a repository already: "stillframe point list --path ${directory}" shows it`,
      {
        directory,
      },
    );
  await explainErrno('repository-unwritable', directory, async () => {
    await makeDirectory(directory);
    // A filesystem of its own has lost+found; `points` and `tmp` are there when an earlier creation was cut short.
    const others = (await readdir(directory)).filter(
      (name) => !['lost+found', 'points', 'tmp'].includes(name) && !name.startsWith(markerFile),
    );
    if (others.length > 0) {
      throw new StillframeError(
        'repository-unknown',
        `${directory} is not a repository and not empty (${others[0]}): name an empty directory for a new one`,
        { directory },
      );
    }
    // A directory that was made by hand may be open to others; images of guests are not for them.
    await chmod(directory, 0o700);
    await mkdir(join(directory, 'points'), { recursive: true, mode: 0o700 });
    await mkdir(join(directory, 'tmp'), { recursive: true, mode: 0o700 });
    await writeDurably(join(directory, markerFile), `${JSON.stringify({ format: 1, id: randomUUID() })}\n`);
  });
  return openRepository(directory);
}

/** Images of versions before 0700 are readable behind an open root. Where the filesystem or its owner keeps the modes, doctor reports them. */
async function closeToOthers(directory: string): Promise<void> {
  try {
    if (((await stat(directory)).mode & 0o077) !== 0) await chmod(directory, 0o700);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error;
  }
}

async function syncImage(path: string, bytes: number): Promise<void> {
  const size = await sizeOf(path);
  if (size !== bytes) {
    throw new StillframeError(
      'copy-failed',
      `${path} ${size === null ? 'is missing' : `has ${size} bytes`}, expected ${bytes}: run the backup again`,
      {
        path,
        bytes,
      },
    );
  }
  await syncPath(path);
}

/** Null when there is no such file. @throws copy-failed when something else stands there */
async function sizeOf(path: string): Promise<number | null> {
  try {
    await using file = await openPlain(path);
    return (await file.stat()).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (!(error instanceof NotPlainError)) throw error;
    throw new StillframeError(
      'copy-failed',
      `${path} ${error.message}: look at who writes into the repository, then run the backup again`,
      {
        path,
      },
    );
  }
}

/** A link to a directory is not one; what does not exist is left to the caller. */
async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true;
    throw error;
  }
}

/** Null when there is no such file. @throws NotPlainError */
async function readText(path: string, most = longestManifest): Promise<string | null> {
  try {
    return await readPlain(path, most);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
