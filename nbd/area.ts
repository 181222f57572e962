/** What an NBD server serves: a stretch of bytes, in memory, in a file, or in a repository. */

export interface NbdArea {
  readonly bytes: number;
  /** Exactly `length` bytes, at most 1 MiB; every range lies inside. They are sent from where they are: nobody may change them later. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** What is known without reading, from `offset` on and without gaps: at least one extent; it may cover less than `length`. */
  allocation?(offset: number, length: number): Promise<readonly AreaExtent[]>;
  /** At most 1 MiB; absent: the area is served read-only. */
  write?(offset: number, bytes: Uint8Array): Promise<void>;
  /** Reads as zeros from now on, and may become a hole; without it zeros are written. */
  zero?(offset: number, length: number): Promise<void>;
  /** Makes everything durable that was written; absent: each write is durable once it resolves. */
  flush?(): Promise<void>;
}

export interface AreaExtent {
  length: number;
  /** It reads as zeros and takes no room. */
  hole: boolean;
}
