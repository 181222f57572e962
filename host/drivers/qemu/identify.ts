/** What a guest's QEMU says of it: who it is, how it does, which disks it has. */

import { guestId, type GuestId } from '../../../model/ids.ts';
import type { CapturedDisk } from '../../../model/window/window.ts';
import type { Json, JsonObject } from '../../../protocol/json.ts';
import type { Monitor } from '../../channel/types.ts';

export interface GuestDisks {
  captured: (CapturedDisk & { node: string })[];
  /** Disks that are left out, each with its reason. */
  skipped: string[];
}

export async function queryUuid(monitor: Monitor): Promise<GuestId> {
  return guestId(((await monitor.execute('query-uuid')) as { UUID: string }).UUID.toLowerCase());
}

export async function queryState(monitor: Monitor): Promise<string> {
  return ((await monitor.execute('query-status')) as { status: string }).status;
}

/** Writable disks, in QEMU's order. A read-only one holds nothing that a guest could lose. */
export async function queryDisks(monitor: Monitor): Promise<GuestDisks> {
  const disks: GuestDisks = { captured: [], skipped: [] };
  for (const each of objects(await monitor.execute('query-block'))) {
    const inserted = each.inserted as JsonObject | undefined;
    const name = String(each.device || each.qdev || 'unnamed');
    if (!inserted) continue;
    if (inserted.ro === true) {
      disks.skipped.push(`${name} read-only`);
      continue;
    }
    const node = String(inserted['node-name']);
    const bytes = Number((inserted.image as JsonObject)['virtual-size']);
    // QEMU makes up names that begin with # for nodes without a name.
    const device = node.startsWith('#') ? name : node;
    disks.captured.push({ name: `disk${disks.captured.length}`, device, node, bytes });
  }
  return disks;
}

/** An array of objects, as most of QEMU's queries answer. */
export function objects(value: Json): JsonObject[] {
  return value as JsonObject[];
}
