/** Listening channels by node:net. Serial ports need the binary's event loop. */

import { lstatSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { ENOSYS } from '../../core/errno.ts';
import type { Channel, ChannelEvents, Channels, Piece, SystemError } from '../../core/platform.ts';
import { asSystemError, sys, systemError } from './system-error.ts';

export const channels: Channels = {
  open(method, path, events) {
    if (method !== 'unix-listen') throw systemError(ENOSYS);
    // Node reports later why it cannot listen; the common reason is reported at once.
    sys(() => statSync(dirname(path)));
    removeStale(path);
    return serve(events, (server) => server.listen({ path, backlog: 1 }));
  },
  inherited: (events) => serve(events, (server) => server.listen({ fd: 3 })),
};

function removeStale(path: string): void {
  try {
    if (lstatSync(path).isSocket()) unlinkSync(path);
  } catch {
    // There is no socket file.
  }
}

/** Node accepts every client from the backlog; those after the first wait here, and none of their data is read. */
function serve(events: ChannelEvents, listen: (server: Server) => void): Channel {
  const waiting: Socket[] = [];
  let current: Socket | undefined;
  let paused = false;

  function take(client: Socket | undefined): void {
    current = client;
    if (!client) return;
    client.on('data', (bytes) => events.data(bytes as Buffer));
    client.on('end', leaveWhenDone);
    if (!paused) client.resume();
  }

  /** A client that sends nothing more may still wait for a reply. */
  function leaveWhenDone(): void {
    if (current?.readableEnded && current.writableLength === 0 && !events.owes?.()) current.end();
  }

  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) => {
    // A client that goes in the middle of a reply is not an error.
    client.on('error', () => {});
    client.on('close', () => {
      if (client !== current) return void waiting.splice(waiting.indexOf(client), 1);
      events.clientChanged(false);
      take(waiting.shift());
    });
    if (current) waiting.push(client);
    else take(client);
  });
  server.on('error', (error) => events.failed(asSystemError(error) as SystemError));
  listen(server);
  return {
    send(pieces) {
      const client = current;
      if (!client) return;
      client.cork();
      for (const piece of pieces) client.write(encode(piece));
      client.write('', () => {
        if (client !== current || client.writableLength > 0) return;
        events.drained();
        leaveWhenDone();
      });
      client.uncork();
    },
    queued: () => current?.writableLength ?? 0,
    pause() {
      paused = true;
      current?.pause();
    },
    resume() {
      paused = false;
      current?.resume();
    },
    close() {
      server.close();
      const all = [current, ...waiting.splice(0)];
      current = undefined;
      all.forEach((client) => client?.destroy());
    },
  };
}

function encode(piece: Piece): Buffer {
  return typeof piece === 'string'
    ? Buffer.from(piece, 'latin1')
    : Buffer.from(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('base64'), 'latin1');
}
