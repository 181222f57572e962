/** The ways in which a host reaches the agent, by name. */

import { EINVAL } from '../../core/errno.ts';
import { openFlags, type Channel, type ChannelEvents, type Channels } from '../../core/platform.ts';
import { createListener } from './listener.ts';
import { check, failure, native } from './natives.ts';
import { createPort } from './port.ts';

/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const firstPassed = 3;

export const channels: Channels = {
  open(method, path, events): Channel {
    switch (method) {
      case 'unix-listen':
        return createListener(check(native.listenUnix(path)), events);
      case 'vsock-listen':
        return createListener(check(native.listenVsock(...vsockAddress(path))), events);
      case 'virtio-serial':
        return openPort(path, events);
      case 'isa-serial':
        return openPort(path, events, native.makeRaw);
    }
  },
  inherited(events) {
    check(native.adoptSocket(firstPassed));
    return createListener(firstPassed, events);
  },
};

function openPort(path: string, events: ChannelEvents, prepare?: (fd: number) => number): Channel {
  const { readWrite, nonBlocking, noControllingTerminal } = openFlags;
  const fd = check(native.open(path, readWrite | nonBlocking | noControllingTerminal, 0));
  try {
    if (prepare) check(prepare(fd));
    return createPort(fd, events);
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

/** `<cid>:<port>`; -1 is any (VMADDR_CID_ANY). */
function vsockAddress(path: string): [number, number] {
  const parts = /^(-1|\d+):(-1|\d+)$/.exec(path);
  if (!parts) throw failure(EINVAL);
  return [Number(parts[1]), Number(parts[2])];
}
