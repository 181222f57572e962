/** QMP messages by what they are: greeting, reply, event (QEMU's QMP specification, qmp-spec). */

import { encodeJson, isJsonObject, type Json, type JsonObject } from '../json.ts';

export type MonitorMessage =
  | { kind: 'greeting' }
  | { kind: 'return'; id: number; value: Json }
  | { kind: 'error'; id: number; class: string; desc: string }
  /** An error without an id: QEMU could not read what we sent. */
  | { kind: 'unreadable'; desc: string }
  | { kind: 'event'; name: string; data: JsonObject };

/** Undefined for what is none of these. */
export function parseMonitorMessage(value: Json): MonitorMessage | undefined {
  if (!isJsonObject(value)) return undefined;
  if (isJsonObject(value.QMP)) return { kind: 'greeting' };
  if (typeof value.event === 'string')
    return { kind: 'event', name: value.event, data: isJsonObject(value.data) ? value.data : {} };
  const { id, error } = value;
  if (typeof id === 'number' && value.return !== undefined) return { kind: 'return', id, value: value.return };
  if (!isJsonObject(error) || typeof error.class !== 'string' || typeof error.desc !== 'string') return undefined;
  return typeof id === 'number'
    ? { kind: 'error', id, class: error.class, desc: error.desc }
    : { kind: 'unreadable', desc: error.desc };
}

export function encodeMonitorCommand(execute: string, args: JsonObject | undefined, id: number): string {
  return `${encodeJson(args === undefined ? { execute, id } : { execute, arguments: args, id })}\n`;
}

/** query-qmp-schema is the largest reply, some 300 KiB; qemu.qmp bounds a message at the same size. */
export const maxMessageBytes = 10 * 2 ** 20;
