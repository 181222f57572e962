/** Answers as qemu-ga spaces and orders them: the id stands behind a return and before an error. */

import type { AgentErrorBody } from '../../protocol/agent/request.ts';
import { encodeJson, type Json } from '../../protocol/json.ts';
import { Base64, type Result } from './command.ts';
import type { Piece } from './platform.ts';

/** `delimited`: the byte 0xFF stands directly before the line. */
export function successReply(result: Result, id: Json | undefined, delimited: boolean): Piece[] {
  const pieces: Piece[] = [delimited ? '\xff{"return": ' : '{"return": '];
  encodeResult(result, pieces);
  append(pieces, id === undefined ? '}\n' : `, "id": ${encodeJson(id)}}\n`);
  return pieces;
}

export function errorReply(error: AgentErrorBody, id: Json | undefined): string {
  const body = `"error": {"class": "${error.class}", "desc": ${encodeJson(error.desc)}}}\n`;
  return id === undefined ? `{${body}` : `{"id": ${encodeJson(id)}, ${body}`;
}

function encodeResult(result: Result, pieces: Piece[]): void {
  if (!hasBytes(result)) return append(pieces, encodeJson(result));
  let before = '{';
  for (const [name, member] of Object.entries(result)) {
    append(pieces, `${before}"${name}": `);
    if (member instanceof Base64) pieces.push('"', member.bytes, '"');
    else append(pieces, encodeJson(member));
    before = ', ';
  }
  append(pieces, '}');
}

function hasBytes(result: Result): result is { [key: string]: Json | Base64 } {
  return typeof result === 'object' && result !== null && Object.values(result).some((member) => member instanceof Base64);
}

/** Texts that follow each other are one piece. */
function append(pieces: Piece[], text: string): void {
  const last = pieces.at(-1);
  if (typeof last === 'string') pieces[pieces.length - 1] = last + text;
  else pieces.push(text);
}
