/** A monitor that says what a test wants: QEMU's greeting and handshake, commands by a table, events at any time. */

import type { Socket } from 'node:net';
import { encodeJson, isJsonObject, type Json, type JsonObject } from '../../protocol/json.ts';
import { createJsonStream, qemuLimits } from '../../protocol/json-stream.ts';
import { listenForOneClient } from './one-client-socket.ts';

/** Thrown by a handler: an error reply of QEMU's. */
export class MonitorRefusal extends Error {
  readonly class: string;
  constructor(desc: string, errorClass = 'GenericError') {
    super(desc);
    this.class = errorClass;
  }
}

export type MonitorHandler = (args: JsonObject) => Json | Promise<Json>;

export interface FakeMonitor {
  path: string;
  /** Names of the commands that came, in order, the handshake's included. */
  readonly came: string[];
  on(command: string, handler: MonitorHandler): void;
  emit(name: string, data?: JsonObject): void;
  /** Bytes as they are. */
  send(bytes: string): void;
  stop(): Promise<void>;
}

/** `silent`: a main loop that hangs accepts, and does not even greet. */
export async function startFakeMonitor({ silent = false }: { silent?: boolean } = {}): Promise<FakeMonitor> {
  const handlers = new Map<string, MonitorHandler>([['qmp_capabilities', () => ({})]]);
  const came: string[] = [];
  let client: Socket | undefined;

  const say = (message: JsonObject) => void client?.write(`${encodeJson(message)}\r\n`);

  const socket = await listenForOneClient((arrived) => {
    client = arrived;
    arrived.on('close', () => (client = undefined));
    arrived.on('end', () => arrived.destroy());
    if (silent) return;
    const stream = createJsonStream(qemuLimits);
    let negotiated = false;
    say({ QMP: { version: { qemu: { micro: 2, minor: 2, major: 7 }, package: '' }, capabilities: ['oob'] } });
    arrived.on('data', (bytes) => {
      for (const event of stream.push(bytes)) {
        if (event.kind !== 'value' || !isJsonObject(event.value)) {
          say({ error: { class: 'GenericError', desc: 'JSON parse error' } });
          continue;
        }
        const request = event.value;
        negotiated ||= request.execute === 'qmp_capabilities';
        void handle(request, negotiated);
      }
    });
  });

  async function handle({ execute, arguments: args, id }: JsonObject, negotiated: boolean): Promise<void> {
    const echo: JsonObject = id === undefined ? {} : { id };
    const name = String(execute);
    came.push(name);
    try {
      const handler = handlers.get(name);
      if (!handler || !negotiated) throw new MonitorRefusal(`The command ${name} has not been found`, 'CommandNotFound');
      say({ return: await handler(isJsonObject(args) ? args : {}), ...echo });
    } catch (error) {
      if (!(error instanceof MonitorRefusal)) throw error;
      say({ ...echo, error: { class: error.class, desc: error.message } });
    }
  }

  return {
    path: socket.path,
    came,
    on: (command, handler) => void handlers.set(command, handler),
    emit: (name, data = {}) => say({ timestamp: { seconds: 0, microseconds: 0 }, event: name, data }),
    send: (bytes) => void client?.write(bytes),
    stop: () => socket.stop(),
  };
}
