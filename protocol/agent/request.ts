/** A request as the agent takes it apart: which members there are, and what it says when they are wrong (QEMU 11.1, qmp-dispatch.c). */

import { isJsonObject, type Json, type JsonObject } from '../json.ts';

export interface AgentRequest {
  execute: string;
  arguments: JsonObject;
  /** Echoed in the reply when the request had one. */
  id: Json | undefined;
}

export interface AgentErrorBody {
  class: 'GenericError' | 'CommandNotFound';
  desc: string;
}

/** The request, or the error with the id to echo. */
export function parseRequest(value: Json): AgentRequest | { error: AgentErrorBody; id: Json | undefined } {
  if (!isJsonObject(value)) return refuse('QMP input must be a JSON object', undefined);
  const { execute, arguments: args, id } = value;
  const known = 1 + Number(args !== undefined) + Number(id !== undefined);
  if (typeof execute === 'string' && (args === undefined || isJsonObject(args)) && Object.keys(value).length === known)
    return { execute, arguments: args ?? {}, id };
  // What is wrong is looked for only now: enumerating is slow in the agent's engine. The first member that is wrong is reported.
  for (const member in value) {
    if (member === 'execute') {
      if (typeof execute !== 'string') return refuse("QMP input member 'execute' must be a string", id);
    } else if (member === 'arguments') {
      if (!isJsonObject(args)) return refuse("QMP input member 'arguments' must be an object", id);
    } else if (member !== 'id') return refuse(`QMP input member '${member}' is unexpected`, id);
  }
  return refuse("QMP input lacks member 'execute'", id);
}

function refuse(desc: string, id: Json | undefined): { error: AgentErrorBody; id: Json | undefined } {
  return { error: { class: 'GenericError', desc }, id };
}
