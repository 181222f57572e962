/** Dirty bitmaps in a guest's QEMU: which there are, and the commands on our bitmaps. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Monitor } from '../../channel/types.ts';
import { objects } from './identify.ts';

/** Each bit stands for the cluster of a qcow2 image. QEMU's own default would follow the image format, and grow changes fourfold. */
export const granularity = 65_536;

export interface Bitmap {
  node: string;
  name: string;
  recording: boolean;
  persistent: boolean;
  /** In use by an export or a job. */
  busy: boolean;
  /** Of an image that was not closed: it can only be removed. */
  inconsistent: boolean;
  granularity: number;
  /** Bytes that its set bits stand for. */
  count: number;
}

export interface DiskNode {
  /** The image, as QEMU names it. */
  file: string;
  /** Whether the image keeps bitmaps when it is closed: a qcow2 image of version 3. */
  keepsBitmaps: boolean;
}

export interface NodeBitmaps {
  nodes: ReadonlyMap<string, DiskNode>;
  bitmaps: readonly Bitmap[];
}

/** By nodes: while a job is at work on a disk, query-block shows its filter instead. Bitmaps without a name are those of jobs. */
export async function queryBitmaps(monitor: Monitor): Promise<NodeBitmaps> {
  const found = objects(await monitor.execute('query-named-block-nodes', { flat: true }));
  return {
    nodes: new Map(found.map((node) => [String(node['node-name']), readNode(node)])),
    bitmaps: found.flatMap((node) =>
      objects(node['dirty-bitmaps'] ?? [])
        .filter(({ name }) => typeof name === 'string')
        .map((bitmap) => readBitmap(String(node['node-name']), bitmap)),
    ),
  };
}

function readNode({ drv, file, image }: JsonObject): DiskNode {
  const specific = (image as JsonObject | undefined)?.['format-specific'] as JsonObject | undefined;
  const compat = (specific?.data as JsonObject | undefined)?.compat;
  return { file: String(file), keepsBitmaps: drv === 'qcow2' && compat !== '0.10' };
}

function readBitmap(node: string, bitmap: JsonObject): Bitmap {
  return {
    node,
    name: String(bitmap.name),
    recording: bitmap.recording === true,
    persistent: bitmap.persistent === true,
    busy: bitmap.busy === true,
    inconsistent: bitmap.inconsistent === true,
    granularity: Number(bitmap.granularity),
    count: Number(bitmap.count),
  };
}

type NewBitmap = Pick<Bitmap, 'node' | 'name' | 'persistent'>;

/** An action of the transaction: it records from that instant on. */
export function beginning({ node, name, persistent }: NewBitmap): JsonObject {
  return { type: 'block-dirty-bitmap-add', data: { node, name, persistent, granularity } };
}

/**
 * An action of the transaction: it stands still from that instant on. The way back, block-dirty-bitmap-enable, has no place in one: QEMU 7.2 ends
 * with SIGSEGV, and the guest with it, where that names a bitmap that is gone, or stands in a grouped transaction.
 */
export function ending(node: string, name: string): JsonObject {
  return { type: 'block-dirty-bitmap-disable', data: { node, name } };
}

/** In the sentinel's image; ends with it. */
export const sentinelBitmap = 'end';

/** It records nothing. @throws monitor-refused */
export async function addBitmap(monitor: Monitor, { node, name, persistent }: NewBitmap): Promise<void> {
  await monitor.execute('block-dirty-bitmap-add', { node, name, persistent, granularity, disabled: true });
}

/** `from` is a bitmap of the same node, or of another one. Repeating it changes nothing. @throws monitor-refused */
export async function mergeBitmap(monitor: Monitor, node: string, from: string | JsonObject, into: string): Promise<void> {
  await monitor.execute('block-dirty-bitmap-merge', { node, target: into, bitmaps: [from] });
}

/** @throws monitor-refused, also while it is exported */
export async function removeBitmap(monitor: Monitor, { node, name }: Pick<Bitmap, 'node' | 'name'>): Promise<void> {
  await monitor.execute('block-dirty-bitmap-remove', { node, name });
}
