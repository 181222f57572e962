/** Reads an export of an NBD server over one connection, with any number of requests out at a time. */

import { StillframeError } from '../model/errors.ts';
import { commandFlags, commands, mostRequestBytes } from '../protocol/nbd/numbers.ts';
import { encodeRequest } from '../protocol/nbd/transmission.ts';
import { openLink, type NbdLink, type NbdPlace } from './link.ts';
import { negotiate, type NbdExport } from './negotiate.ts';
import { createWaiting, receiveReplies, type Waiting } from './replies.ts';

export interface NbdExtent {
  offset: number;
  length: number;
  /** Their meaning is the context's: of `base:allocation` see allocationFlags; of a dirty bitmap, 1 is dirty. */
  flags: number;
}

export interface NbdClient {
  /** Bytes of the export. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`, in a buffer of their own or at the front of `into`. Nothing writes to `into` after it
   * has settled.
   * @throws nbd-request-failed, after which the connection is as good as before; nbd-closed, nbd-garbled, after which it is not
   */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  /** The status of a range in one context, in order and without gaps; asks while it is iterated. @throws as `read` does */
  extents(context: string, offset: number, length: number): AsyncIterable<NbdExtent>;
  /** Requests that are out fail with nbd-closed. */
  close(): Promise<void>;
}

export interface NbdClientOptions {
  /** Where the server listens. */
  to: NbdPlace;
  export: string;
  /** `base:allocation`, `qemu:dirty-bitmap:NAME`; each must be there. */
  contexts?: readonly string[];
  /** When it fires, the connection ends and all that waits on it fails: a server that was stopped never replies. */
  signal?: AbortSignal;
}

/** A reply that describes 131,072 extents of 1 GiB took 60 to 86 ms, and a longer one holds up what else this process does. */
const mostStatusBytes = 2 ** 30;

/** @throws nbd-unreachable, nbd-refused, nbd-context-missing, nbd-garbled, nbd-closed */
export async function connectNbd({ to, export: name, contexts = [], signal }: NbdClientOptions): Promise<NbdClient> {
  const link = await openLink(to, signal);
  try {
    return createClient(link, await negotiate(link, name, contexts));
  } catch (error) {
    throw error instanceof StillframeError ? link.fail(error) : error;
  }
}

function createClient(link: NbdLink, { size, inOnePiece, contexts }: NbdExport): NbdClient {
  const waiting = new Map<bigint, Waiting>();
  /** A read that QEMU 7.2 may cut in pieces ends the connection when its disk fails; one in one piece gets the disk's error. */
  const readFlags = inOnePiece ? commandFlags.df : 0;
  let cookie = 0n;
  let failure: StillframeError | undefined;
  const fail = (error: StillframeError) => {
    failure ??= link.fail(error);
    for (const each of waiting.values()) each.done.reject(failure);
    waiting.clear();
  };
  receiveReplies(link, waiting, contexts).catch((error: unknown) =>
    fail(error instanceof StillframeError ? error : link.garbled(`a reply that broke the client (${String(error)})`)),
  );

  async function request(command: number, sent: Waiting): Promise<Waiting> {
    if (failure !== undefined) throw failure;
    cookie += 1n;
    waiting.set(cookie, sent);
    const flags = command === commands.read ? readFlags : 0;
    link.send(encodeRequest({ flags, command, cookie, offset: BigInt(sent.offset), length: sent.length }));
    await sent.done.promise;
    return sent;
  }

  return {
    size,
    async read(offset, length, given) {
      demandInside(offset, length, size);
      const into = given ?? Buffer.allocUnsafe(length);
      if (into.length < length) throw new RangeError(`a buffer of ${into.length} bytes cannot take ${length}`);
      // One after the other: when one fails, no other still writes to the buffer.
      for (let at = 0; at < length; at += mostRequestBytes) {
        const bytes = Math.min(mostRequestBytes, length - at);
        await request(commands.read, createWaiting(offset + at, bytes, into.subarray(at, at + bytes)));
      }
      return into.subarray(0, length);
    },
    async *extents(context, offset, length) {
      demandInside(offset, length, size);
      const id = [...contexts].find(([, name]) => name === context)?.[0];
      if (id === undefined) throw new RangeError(`the context "${context}" was not asked for when the connection was made`);
      const end = offset + length;
      // Each context covers a length of its own in one reply: what others say beyond it is asked for when they are iterated.
      for (let at = offset; at < end;) {
        const asked = createWaiting(at, Math.min(mostStatusBytes, end - at), null);
        const limit = at + asked.length;
        for (const extent of (await request(commands.blockStatus, asked)).statuses.get(id)!) {
          // The last extent may reach beyond what was asked for.
          const bytes = Math.min(extent.length, limit - at);
          yield { offset: at, length: bytes, flags: extent.flags };
          at += bytes;
        }
      }
    },
    async close() {
      if (failure !== undefined) return;
      failure = new StillframeError('nbd-closed', `the NBD connection to ${link.place} was closed by its caller; connect again`, {
        place: link.place,
      });
      fail(failure);
      await link.end(encodeRequest({ flags: 0, command: commands.disconnect, cookie: 0n, offset: 0n, length: 0 }));
    },
  };
}

function demandInside(offset: number, length: number, size: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > size)
    throw new RangeError(`bytes ${offset} to ${offset + length} lie outside the ${size} bytes of the export`);
}
