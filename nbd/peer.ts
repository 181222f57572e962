/** A client of an NBD server, as a stream of bytes in both directions that never holds more than the caller asks for. */

import type { Socket } from 'node:net';

export interface NbdPeer {
  /** Exactly `length` bytes. @throws PeerGone */
  take(length: number): Promise<Buffer>;
  /** Resolves once the kernel has them all: a client that does not receive holds up its own replies only. @throws PeerGone */
  send(...parts: Uint8Array[]): Promise<void>;
  end(): void;
  destroy(): void;
}

/** The client has gone, or broke the protocol so that the server ended the connection. */
export class PeerGone extends Error {
  override readonly name = 'PeerGone';
}

export function createPeer(socket: Socket): NbdPeer {
  let wake: (() => void) | undefined;
  const awaken = () => wake?.();
  // Resets and broken pipes: `take` and `send` fail after them.
  socket.on('readable', awaken).on('end', awaken).on('close', awaken).on('error', awaken);
  return {
    async take(length) {
      if (length === 0) return Buffer.alloc(0);
      for (;;) {
        const bytes = socket.destroyed ? null : (socket.read(length) as Buffer | null);
        // At the end of the stream it returns what is left.
        if (bytes !== null && bytes.length === length) return bytes;
        if (bytes !== null || socket.destroyed || socket.readableEnded) throw new PeerGone('the client has gone');
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    },
    send(...parts) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      socket.cork();
      for (const [index, each] of parts.entries())
        socket.write(each, (error) => {
          if (error) reject(new PeerGone('the client has gone'));
          else if (index === parts.length - 1) resolve();
        });
      socket.uncork();
      return promise;
    },
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}
