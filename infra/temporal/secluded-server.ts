/** A process in a network namespace of its own (network_namespaces(7)): runs a server in there, and carries a unix socket to its port. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { beginProcess } from '../../lib/begin-process.ts';
import { runToEnd } from '../../lib/run.ts';
import { joinSockets } from '../../lib/own-port.ts';
import { messageOf } from '../../model/errors.ts';

/** What it sends to its parent: first that the namespace can be used, then that the socket is served. */
export type SecludedMessage = { kind: 'secluded' } | { kind: 'ready'; pid: number };

/** No event reports that another process listens. */
const lookMs = 20;

/**
 * The loopback interface of a new namespace is down. Every Debian has perl-base (it is essential), not every one iproute2. The
 * ioctl is SIOCSIFFLAGS (0x8914) with IFF_UP (1) in a struct ifreq of 40 bytes (netdevice(7)); 2, 2 are AF_INET and SOCK_DGRAM.
 */
const raiseLoopback = `
  socket(my $any, 2, 2, 0) or die "socket: $!\\n";
  my $request = pack('a16 s x22', 'lo', 1);
  ioctl($any, 0x8914, $request) or die "the loopback interface stays down: $!\\n";
`;

const [socketPath, port, ...command] = process.argv.slice(2) as [string, string, ...string[]];
beginProcess();
const raised = await runToEnd(['perl', '-e', raiseLoopback]).catch((error: unknown) => ({
  status: null,
  stderr: messageOf(error),
}));
if (raised.status !== 0) {
  process.stderr.write(raised.stderr);
  process.exit(1);
}
report({ kind: 'secluded' });
// It must not outlive this process, however that ends (prctl(2), PR_SET_PDEATHSIG).
const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
child.once('exit', () => void end());
// SIGTERM lets the server write what it has.
process.on('SIGTERM', () => child.kill('SIGTERM'));
// The parent was killed: the next one may be about to use the files of this one, the socket too, which it must find as it made it.
process.once('disconnect', () => process.exit());
if (!process.connected) process.exit();
await untilListening(child);
const server = createServer((client) => {
  const target = connect().once('error', () => client.destroy());
  client.on('error', () => target.destroy());
  joinSockets(client, target);
});
await rm(socketPath, { force: true });
server.listen(socketPath);
await once(server, 'listening');
report({ kind: 'ready', pid: child.pid! });

function report(message: SecludedMessage): void {
  process.send?.(message);
}

async function end(): Promise<never> {
  await rm(socketPath, { force: true });
  process.exit();
}

/** The namespace is new: what listens on the port is the child. */
async function untilListening(of: ChildProcess): Promise<void> {
  while (!(await isOpen())) {
    await delay(lookMs);
    // Its exit ends this process.
    if (of.exitCode !== null || of.signalCode !== null) await new Promise(() => {});
  }
}

async function isOpen(): Promise<boolean> {
  const probe = connect();
  const open = await once(probe, 'connect').then(
    () => true,
    () => false,
  );
  probe.destroy();
  return open;
}

function connect(): Socket {
  return createConnection({ port: Number(port), host: '127.0.0.1', noDelay: true });
}
