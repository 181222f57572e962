/** A TCP port that leads to a unix socket, for libraries that cannot open one: every user reaches it, and only this process is let through. */

import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { pipeline } from 'node:stream';

const unix = 'unix:';

export const socketAddress = (path: string): string => unix + path;
/** The path in the address of a socket; undefined for HOST:PORT. */
export const socketPathOf = (address: string): string | undefined =>
  address.startsWith(unix) ? address.slice(unix.length) : undefined;

/** Where a client of this process connects for `address`, which is HOST:PORT, or `unix:` and the path of a socket. */
export async function tcpAddress(address: string): Promise<string> {
  const path = socketPathOf(address);
  return path === undefined ? address : `127.0.0.1:${await ownPort(path)}`;
}

const ports = new Map<string, Promise<number>>();

/** A port on 127.0.0.1, one for each socket. It stands until the process ends, so that no other process gets it, and keeps none alive. */
function ownPort(socketPath: string): Promise<number> {
  let port = ports.get(socketPath);
  if (port) return port;
  ports.set(socketPath, (port = open(socketPath)));
  port.catch(() => ports.delete(socketPath));
  return port;
}

/** This process opens a few. Other processes that connect must not use up its file descriptors. */
const mostConnections = 64;

async function open(socketPath: string): Promise<number> {
  // Nothing is read before a client is known: pauseOnConnect.
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (client) => {
    client.on('error', () => client.destroy());
    void isOwn(client).then((own) => (own ? joinSockets(client, createConnection(socketPath)) : client.destroy()));
  });
  server.maxConnections = mostConnections;
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Bytes of each go to the other; the end of one is the end of both. */
export function joinSockets(one: Socket, other: Socket): void {
  const end = () => {
    one.destroy();
    other.destroy();
  };
  pipeline(one, other, end);
  pipeline(other, one, end);
}

/**
 * Whether the other end of a connection over loopback is a descriptor of this process. /proc/net/tcp has the inode of each socket
 * by its addresses, and /proc/self/fd those of this process (proc(5)); no other connection has the same two addresses while this
 * one is open.
 */
async function isOwn({ remotePort, localPort }: Socket): Promise<boolean> {
  if (remotePort === undefined || localPort === undefined) return false;
  try {
    const [from, to] = [addressOf(remotePort), addressOf(localPort)];
    const rows = (await readFile('/proc/self/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
    const row = rows.find((fields) => fields[1] === from && fields[2] === to);
    const [uid, inode] = [row?.[7], row?.[9]];
    // A stranger costs no look at every descriptor.
    if (uid !== String(process.getuid!())) return false;
    const held = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
    return (await Promise.all(held)).includes(`socket:[${inode}]`);
  } catch {
    return false;
  }
}

/** 127.0.0.1 and a port as /proc/net/tcp has them, on a machine that stores the lowest byte first, as all that we run on do. */
function addressOf(port: number): string {
  return `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}
