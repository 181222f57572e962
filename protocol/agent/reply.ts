/** A reply as the host takes it apart, and a request as the host writes it. */

import { encodeJson, isJsonObject, type Json, type JsonObject } from '../json.ts';

export type AgentReply = { kind: 'return'; value: Json } | { kind: 'error'; class: string; desc: string };

/**
 * One request line, without spaces: our agent recognizes most commands by their bytes. No `id`: agents before QEMU 4.0 refuse
 * it, and the sync in front separates the replies.
 */
export function encodeRequest(execute: string, args: JsonObject | undefined): string {
  if (args === undefined) return `{"execute":${encodeJson(execute)}}\n`;
  const members = Object.entries(args).map(([name, value]) => `${encodeJson(name)}:${encodeJson(value)}`);
  return `{"execute":${encodeJson(execute)},"arguments":{${members.join(',')}}}\n`;
}

/** Undefined when `value` is neither a return nor an error. */
export function parseReply(value: Json): AgentReply | undefined {
  if (!isJsonObject(value)) return undefined;
  if (value.return !== undefined) return { kind: 'return', value: value.return };
  const error = value.error;
  if (!isJsonObject(error) || typeof error.class !== 'string' || typeof error.desc !== 'string') return undefined;
  return { kind: 'error', class: error.class, desc: error.desc };
}

/** Stands directly before the reply to guest-sync-delimited, and nowhere else: no JSON text contains it. */
export const delimiter = 0xff;
