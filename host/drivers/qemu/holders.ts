/**
 * Which monitor each guest's id was last seen at. A QEMU says by itself which id it has, and a hostile one says another guest's: the
 * known guest keeps its place, across restarts of the worker too.
 */

import { join } from 'node:path';
import { makeDirectory, readJson, writeJson } from '../../../lib/durable.ts';
import { isGuestId, type GuestId } from '../../../model/ids.ts';

export interface Claim {
  id: GuestId;
  monitor: string;
  /** The host's file gives this id to this monitor: no other claim counts. */
  isNamed: boolean;
}

export interface Holders {
  /**
   * The claims that are refused: of an id that the host's file gives to another monitor, or that another monitor was known for, unless that one is
   * not in `monitors` any more and the claim comes from a new one; and all of an id that several claim and none was known for.
   */
  refused(claims: readonly Claim[], monitors: ReadonlySet<string>): ReadonlySet<Claim>;
  /** Who was last accepted at a monitor: a worker that starts must know a guest whose QEMU does not answer. */
  idAt(monitor: string): GuestId | undefined;
  /** Makes what was accepted durable, when it has changed. */
  remember(accepted: readonly Claim[]): Promise<void>;
}

export async function openHolders(stateDir: string): Promise<Holders> {
  const file = join(stateDir, 'guests.json');
  const stored = ((await readJson(file).catch(() => undefined)) ?? {}) as Record<string, string>;
  const known = new Map(Object.entries(stored));

  function isRefused(claim: Claim, claims: readonly Claim[], monitors: ReadonlySet<string>): boolean {
    const rivals = claims.filter(({ id, monitor }) => id === claim.id && monitor !== claim.monitor);
    if (claim.isNamed) return rivals.some((rival) => rival.isNamed);
    if (rivals.some((rival) => rival.isNamed)) return true;
    const holder = known.get(claim.id);
    if (holder === undefined) return rivals.length > 0;
    if (holder === claim.monitor) return false;
    // A guest that has moved comes to a new monitor, while the socket of its old one is gone. One that was known by another id has not moved.
    return monitors.has(holder) || rivals.length > 0 || idAt(claim.monitor) !== undefined;
  }

  const idAt = (monitor: string) => [...known].find(([id, at]) => at === monitor && isGuestId(id))?.[0] as GuestId | undefined;

  return {
    idAt,
    refused: (claims, monitors) => new Set(claims.filter((claim) => isRefused(claim, claims, monitors))),
    async remember(accepted) {
      const changed = accepted.filter(({ id, monitor }) => known.get(id) !== monitor);
      if (changed.length === 0) return;
      for (const { id, monitor } of changed) {
        // One id for each monitor: a QEMU that says another one each time does not fill the record.
        for (const [other, at] of known) if (at === monitor) known.delete(other);
        known.set(id, monitor);
      }
      await makeDirectory(stateDir);
      await writeJson(file, Object.fromEntries(known));
    },
  };
}
