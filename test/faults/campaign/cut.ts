/** Cuts connections on a unix socket that other processes have with one another, at its server's end, as if one of them had gone. */

import { readdir, readlink } from 'node:fs/promises';
import { clientsOf } from '../../../host/channel/holder.ts';
import { run } from '../../../lib/run.ts';

/**
 * Takes a descriptor out of another process (pidfd_getfd(2)) and shuts its socket down for both. 434 is pidfd_open, 438 pidfd_getfd,
 * on every processor; 2 is SHUT_RDWR. Prints how many it cut; a process or a
 * descriptor that has gone meanwhile, or may not be taken, is none.
 */
const shutDown = `
  my ($pid, @descriptors) = @ARGV;
  my $process = syscall(434, $pid + 0, 0);
  my $cut = 0;
  for (@descriptors) {
    my $taken = syscall(438, $process, $_ + 0, 0);
    next if $taken < 0;
    open(my $socket, '+<&=', $taken) or die "open: $!\\n";
    $cut += shutdown($socket, 2) ? 1 : 0;
  }
  print $cut;
`;

/** How many `pid` served on the socket at `path`. */
export async function cutConnections(pid: number, path: string): Promise<number> {
  const { served } = await clientsOf(path);
  const descriptors: string[] = [];
  for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => ''))?.[1];
    if (inode !== undefined && served.includes(inode)) descriptors.push(descriptor);
  }
  if (descriptors.length === 0) return 0;
  return Number(await run(['perl', '-e', shutDown, '--', String(pid), ...descriptors]));
}
