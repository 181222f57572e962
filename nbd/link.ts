/** A connection to an NBD server: sends, receives, and fails once, with one error for everybody who waits on it. */

import { connect } from 'node:net';
import { StillframeError } from '../model/errors.ts';
import { createIntake } from './intake.ts';

/** Where a server listens: a unix socket (an inherited one by `/proc/self/fd/N`), or a port of this machine. */
export type NbdPlace = { path: string } | { port: number };

export interface NbdLink {
  /** For messages. */
  readonly place: string;
  send(bytes: Uint8Array): void;
  /** @throws the error that the link failed with */
  fill(into: Uint8Array): Promise<void>;
  /** Ends the link; returns the error that it failed with first. */
  fail(error: StillframeError): StillframeError;
  /** The peer sent something that no NBD server sends. */
  garbled(what: string): StillframeError;
  /** Sends `last` and ends the link; resolves when the socket is closed. */
  end(last: Uint8Array): Promise<void>;
}

/** @throws nbd-unreachable, or nbd-closed when `signal` has fired */
export async function openLink(to: NbdPlace, signal?: AbortSignal): Promise<NbdLink> {
  const place = 'path' in to ? to.path : `port ${to.port}`;
  const stopped = () =>
    new StillframeError(
      'nbd-closed',
      `the NBD connection to ${place} was stopped by its caller; connect again`,
      { place },
      signal?.reason,
    );
  if (signal?.aborted) throw stopped();
  const intake = createIntake();
  const { onread } = intake;
  const socket = connect('path' in to ? { path: to.path, onread } : { port: to.port, host: '127.0.0.1', noDelay: true, onread });
  intake.attach(socket);
  const connected = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let open = false;
  let failure: StillframeError | undefined;

  const fail = (error: StillframeError) => {
    failure ??= error;
    signal?.removeEventListener('abort', stop);
    intake.fail(failure);
    connected.reject(failure);
    socket.destroy();
    return failure;
  };
  const stop = () => void fail(stopped());
  const broken = (cause?: Error) => void fail(open ? endedBy(place, cause) : unreachable(place, cause));
  socket
    .on('error', broken)
    .once('close', () => {
      broken();
      closed.resolve();
    })
    .once('connect', () => connected.resolve());
  signal?.addEventListener('abort', stop, { once: true });
  await connected.promise;
  open = true;

  return {
    place,
    send: (bytes) => void socket.write(bytes),
    fill: (into) => intake.fill(into),
    fail,
    garbled: (what) =>
      new StillframeError('nbd-garbled', `the NBD server ${place} sent ${what}; see which program listens there`, { place }),
    async end(last) {
      socket.write(last);
      socket.destroySoon();
      await closed.promise;
    },
  };
}

function unreachable(place: string, cause?: Error): StillframeError {
  const why = cause?.message ?? 'it closed the connection';
  return new StillframeError(
    'nbd-unreachable',
    `no NBD server can be reached at ${place} (${why}); see whether it runs and whether this user may connect`,
    { place },
    cause,
  );
}

function endedBy(place: string, cause?: Error): StillframeError {
  const why = cause === undefined ? '' : ` (${cause.message})`;
  return new StillframeError(
    'nbd-closed',
    `the NBD server ${place} ended the connection${why}; see whether it still runs, then connect again`,
    { place },
    cause,
  );
}
