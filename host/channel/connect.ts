/** A client's end of one of QEMU's sockets, with the errors that an operator can act on. */

import { createConnection, type Socket } from 'node:net';
import { errnoOf } from '../../lib/errno.ts';
import { StillframeError, type ErrorCode } from '../../model/errors.ts';

/** What an errno of connect(2) means to the operator of the host. */
const meanings: Record<string, string> = {
  ENOENT: 'the socket does not exist: is the guest running, and is the path in the host’s file right?',
  ECONNREFUSED: 'no process listens there any more: the guest has ended',
  EACCES: 'this user may not open it: run the host worker as root, or give it the group of the socket',
  EAGAIN: 'its backlog is full: other clients are waiting for it already',
};

/** @throws `code`, with path and errno as facts */
export function connectSocket(path: string, what: string, code: ErrorCode): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = createConnection(path);
  socket.once('connect', () => resolve(socket));
  socket.once('error', (error) => {
    const errno = errnoOf(error) ?? 'unknown';
    reject(
      new StillframeError(code, `cannot reach ${what} at ${path}: ${meanings[errno] ?? error.message}`, { path, errno }, error),
    );
  });
  return promise;
}
