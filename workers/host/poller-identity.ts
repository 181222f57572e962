/** How a host worker is named in the server's list of pollers and in histories: by what another process can check. */

import type { ProcessName } from '../../lib/process.ts';

/** `host.rack1.urgent/4711 root@rack1 machine=… boot=… table=… ticks=… since=…` */
export function pollerIdentity(taskQueue: string, process: ProcessName): string {
  const { pid, user, hostname, machine, boot, table, ticks, since } = process;
  return `${taskQueue}/${pid} ${user}@${hostname} machine=${machine} boot=${boot} table=${table} ticks=${ticks} since=${since}`;
}

/** Null when it is not one of these. */
export function readPollerIdentity(identity: string): ProcessName | null {
  const groups = form.exec(identity)?.groups;
  return groups ? ({ ...groups, pid: Number(groups['pid']) } as ProcessName) : null;
}

const form =
  /\/(?<pid>\d+) (?<user>.*)@(?<hostname>\S+) machine=(?<machine>.+) boot=(?<boot>\S+) table=(?<table>\d+) ticks=(?<ticks>\d+) since=(?<since>\S+)$/;
