/** Where the objects of a repository lie. A store knows nothing of what they are. */

export interface StoredEntry {
  name: string;
  bytes: number;
  /** By the store's own clock. */
  modifiedMs: number;
}

export interface Store {
  /** A directory or `s3://bucket/prefix`, for messages. */
  readonly place: string;
  /** Null when there is none. @throws NotPlainError for one of more than `most` bytes, or for something that is no object; repository-unwritable */
  read(name: string, most: number): Promise<Buffer | null>;
  stat(name: string): Promise<StoredEntry | null>;
  /** Everything whose name begins with `prefix`, which is empty or ends with `/`; in no order. */
  list(prefix: string): AsyncIterable<StoredEntry>;
  /** Durable when it resolves. False when there was one already, which stays as it is. */
  put(name: string, bytes: Uint8Array): Promise<boolean>;
  /** The present time by the store's own clock. Its object counts as new from now on; false when there is none. */
  touch(name: string): Promise<boolean>;
  /** Fine when it is gone already. */
  remove(name: string): Promise<void>;
  now(): Promise<number>;
}

/** Names of objects: never hidden, never a step up, on any file system. */
export const objectNamePattern = /^(?=.{1,200}$)[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/i;
