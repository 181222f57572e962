/** Replies as qemu-ga spaces and orders them: the id follows a return and precedes an error. */

import type { AgentErrorBody } from '../../protocol/agent/request.ts';
import { encodeJson, type Json } from '../../protocol/json.ts';
import { Base64, type Result } from './command.ts';
import type { Piece } from './platform.ts';

/** `delimited`: the byte 0xFF stands directly before the line. */
export function successReply(result: Result, id: Json | undefined, delimited: boolean): Piece[] {
  const head = delimited ? '\xff{"return": ' : '{"return": ';
  const tail = id === undefined ? '}\n' : `, "id": ${encodeJson(id)}}\n`;
  if (!hasBytes(result)) return [head + encodeJson(result) + tail];
  const pieces: Piece[] = [];
  let text = head;
  let before = '{';
  for (const [name, member] of Object.entries(result)) {
    text += `${before}"${name}": `;
    before = ', ';
    if (member instanceof Base64) {
      pieces.push(`${text}"`, member.bytes);
      text = '"';
    } else text += encodeJson(member);
  }
  return [...pieces, `${text}}${tail}`];
}

export function errorReply(error: AgentErrorBody, id: Json | undefined): string {
  const body = `"error": {"class": "${error.class}", "desc": ${encodeJson(error.desc)}}}\n`;
  return id === undefined ? `{${body}` : `{"id": ${encodeJson(id)}, ${body}`;
}

function hasBytes(result: Result): result is { [key: string]: Json | Base64 } {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return false;
  for (const name in result) if ((result as { [key: string]: Json | Base64 })[name] instanceof Base64) return true;
  return false;
}
