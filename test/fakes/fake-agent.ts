/** A guest agent for what the real one will not do on demand: it answers as qemu-ga does, or late, twice, never, without end. */

import type { AgentAddress } from '../../host/channel/types.ts';
import { encodeJson, type Json, type JsonObject } from '../../protocol/json.ts';
import { createJsonStream, qemuLimits } from '../../protocol/json-stream.ts';
import { parseRequest, type AgentErrorBody, type AgentRequest } from '../../protocol/agent/request.ts';
import { listenForOneClient } from './one-client-socket.ts';
import { filesystems, Refusal, type FakeCommand, type FakeState } from './fake-command.ts';
import { endEpoch, newOwnState, ownCommands } from './own-commands.ts';
import type { Socket } from 'node:net';

/** True while the client that asked is there. Without it the bytes go to the next one, as they do in a virtio-serial port. */
type Send = (bytes: string | Buffer) => boolean;
/** What becomes of an answer. The next request is taken up when it resolves: an agent does one thing at a time. */
export type Behaviour = (answer: Buffer, send: Send) => void | Promise<void>;

export interface FakeAgent extends FakeState {
  path: string;
  /** The same as a driver names it. */
  address: AgentAddress;
  /** Names of the commands that have run, in order. */
  readonly ran: string[];
  /** Resolves when the first client is served. */
  readonly served: Promise<void>;
  /** From now on; `undefined` is the ordinary way. */
  behave(command: string, behaviour: Behaviour | undefined): void;
  /** How many clients were served. */
  readonly connections: number;
  /** Resolves when this command has arrived so many more times, taken up or not. */
  receives(command: string, times: number): Promise<void>;
  /** Resolves when this command is next taken up. */
  takesUp(command: string): Promise<void>;
  stop(): Promise<void>;
}

export const never: Behaviour = () => {};
export const twice: Behaviour = (answer, send) => void send(Buffer.concat([answer, answer]));
export const garbage: Behaviour = (_, send) => void send('<html>no agent lives here</html>\n');
/** A string that never ends, for as long as a client reads. */
export const endless: Behaviour = async (_, send) => {
  send('{"return": "');
  while (send('x'.repeat(65_536))) await new Promise(setImmediate);
};
export const late =
  (until: Promise<void>): Behaviour =>
  async (answer, send) => {
    await until;
    send(answer);
  };
export const answering =
  (value: Json): Behaviour =>
  (_, send) =>
    void send(`${encodeJson({ return: value })}\n`);

export const refusing =
  (desc: string): Behaviour =>
  (_, send) =>
    void send(`${JSON.stringify({ error: { class: 'GenericError', desc } })}\n`);

export interface FakeAgentOptions {
  /** A guest in which no agent runs: the port takes what is sent, and nothing answers. */
  absent?: boolean;
  /** Our agent instead of the stock one. */
  own?: boolean;
  /** Waits in the port for the first client. */
  leftover?: string | Buffer;
}

export async function startFakeAgent({ absent = false, own = false, leftover }: FakeAgentOptions = {}): Promise<FakeAgent> {
  const stream = createJsonStream(qemuLimits);
  const behaviours = new Map<string, Behaviour>();
  const waiters = new Map<string, PromiseWithResolvers<void>>();
  const served = Promise.withResolvers<void>();
  const arrivals = new Set<(command: string) => void>();
  let connections = 0;
  let client: Socket | undefined;
  let waiting: Buffer[] = leftover === undefined ? [] : [Buffer.from(leftover)];
  let work: Promise<void> = Promise.resolve();

  const sendFor =
    (asker: Socket | undefined): Send =>
    (bytes) => {
      if (client) client.write(bytes);
      else waiting.push(Buffer.from(bytes));
      return client !== undefined && client === asker;
    };

  const socket = await listenForOneClient((arrived) => {
    client = arrived;
    connections += 1;
    served.resolve();
    arrived.on('close', () => (client = undefined));
    // QEMU does not half-close: a client that ends is gone.
    arrived.on('end', () => arrived.destroy());
    for (const bytes of waiting) arrived.write(bytes);
    waiting = [];
    arrived.on('data', (bytes) => {
      if (absent) return;
      for (const event of stream.push(bytes)) {
        const request = event.kind === 'value' ? parseRequest(event.value) : { error: generic(event.message), id: undefined };
        if ('execute' in request) for (const look of arrivals) look(request.execute);
        work = work.then(() => handle(request, sendFor(arrived)));
      }
    });
  });

  async function handle(request: ReturnType<typeof parseRequest>, send: Send): Promise<void> {
    if ('error' in request) return void send(errorLine(request.error, request.id));
    const answer = Buffer.from(run(request), 'latin1');
    waiters.get(request.execute)?.resolve();
    waiters.delete(request.execute);
    const behaviour = behaviours.get(request.execute);
    if (behaviour) await behaviour(answer, send);
    else send(answer);
  }

  /** The line that the real agent would send; empty where it says nothing. */
  function run({ execute, arguments: args, id }: AgentRequest): string {
    const command = commandsOf(agent)[execute];
    if (!command) return errorLine({ class: 'CommandNotFound', desc: `The command ${execute} has not been found` }, id);
    if (agent.frozen && !command.whileFrozen) {
      return errorLine(
        { class: 'CommandNotFound', desc: `Command ${execute} has been disabled: the command is not allowed` },
        id,
      );
    }
    const wrong = checkArguments(args, command.takes);
    if (wrong) return errorLine(generic(wrong), id);
    agent.ran.push(execute);
    const value = command.run(agent, args);
    if (value === undefined) return '';
    if (value instanceof Refusal) return errorLine(generic(value.desc), id);
    const line = encodeJson(id === undefined ? { return: value } : { return: value, id });
    return `${execute === 'guest-sync-delimited' ? '\xff' : ''}${line}\n`;
  }

  const agent: FakeAgent = {
    path: socket.path,
    address: { kind: 'socket', path: socket.path },
    frozen: false,
    own: own ? newOwnState() : undefined,
    ran: [],
    served: served.promise,
    get connections() {
      return connections;
    },
    receives(command, times) {
      const { promise, resolve } = Promise.withResolvers<void>();
      let left = times;
      const look = (arrived: string) => {
        if (arrived !== command || --left > 0) return;
        arrivals.delete(look);
        resolve();
      };
      arrivals.add(look);
      return promise;
    },
    behave: (command, behaviour) => void (behaviour ? behaviours.set(command, behaviour) : behaviours.delete(command)),
    takesUp(command) {
      const waiter = waiters.get(command) ?? Promise.withResolvers<void>();
      waiters.set(command, waiter);
      return waiter.promise;
    },
    stop: () => socket.stop(),
  };
  return agent;
}

const commandsOf = ({ own }: FakeState) => (own ? { ...commands, ...ownCommands } : commands);

const always = (run: FakeCommand['run'], takes: FakeCommand['takes'] = {}): FakeCommand => ({ takes, whileFrozen: true, run });
const thawed = (run: FakeCommand['run'], takes: FakeCommand['takes'] = {}): FakeCommand => ({ takes, whileFrozen: false, run });

const commands: Readonly<Record<string, FakeCommand>> = {
  'guest-sync-delimited': always((_, args) => args.id, { id: 'integer' }),
  'guest-sync': always((_, args) => args.id, { id: 'integer' }),
  'guest-ping': always(() => ({})),
  'guest-info': always((agent) => ({
    version: '11.1.3',
    supported_commands: Object.entries(commandsOf(agent)).map(([name, command]) => ({
      name,
      enabled: (command.whileFrozen || !agent.frozen) && !agent.own?.blocked.includes(name),
      'success-response': name !== 'guest-shutdown',
    })),
  })),
  'guest-fsfreeze-status': always((agent) => (agent.frozen ? 'frozen' : 'thawed')),
  'guest-fsfreeze-freeze': thawed((agent) => {
    agent.frozen = true;
    return filesystems.length;
  }),
  'guest-fsfreeze-freeze-list': thawed(
    (agent, args) => {
      const named = args.mountpoints as Json[] | undefined;
      const count = filesystems.filter((each) => !named || named.includes(each.mountpoint)).length;
      agent.frozen = count > 0;
      return count;
    },
    { 'mountpoints?': 'array' },
  ),
  'guest-fsfreeze-thaw': always((agent) => {
    const count = agent.frozen ? filesystems.length : 0;
    if (agent.own?.epoch !== undefined) endEpoch(agent, false);
    agent.frozen = false;
    return count;
  }),
  'guest-get-fsinfo': thawed(() => filesystems),
  'guest-get-osinfo': thawed(() => ({ id: 'debian', 'pretty-name': 'Debian', 'kernel-release': '6.1.0', machine: 'x86_64' })),
  'guest-shutdown': thawed(() => undefined, { 'mode?': 'string' }),
};

/** In schema order: what is missing or of the wrong type first, then what is unknown. */
function checkArguments(args: JsonObject, takes: FakeCommand['takes']): string | undefined {
  const known = Object.entries(takes).map(([name, type]) => ({
    name: name.replace('?', ''),
    optional: name.endsWith('?'),
    type,
  }));
  for (const { name, optional, type } of known) {
    const value = args[name];
    if (value === undefined) {
      if (!optional) return `Parameter '${name}' is missing`;
    } else if (typeOf(value) !== type) return `Invalid parameter type for '${name}', expected: ${type}`;
  }
  const unknown = Object.keys(args).find((name) => !known.some((each) => each.name === name));
  return unknown === undefined ? undefined : `Parameter '${unknown}' is unexpected`;
}

function typeOf(value: Json): string {
  if (typeof value === 'number') return 'integer';
  if (typeof value === 'bigint') return value < 2n ** 63n ? 'integer' : 'number';
  return Array.isArray(value) ? 'array' : typeof value;
}

function generic(desc: string): AgentErrorBody {
  return { class: 'GenericError', desc };
}

/** The id stands before the error, and after a return. */
function errorLine(error: AgentErrorBody, id: Json | undefined): string {
  return `${encodeJson({ ...(id === undefined ? {} : { id }), error: { class: error.class, desc: error.desc } })}\n`;
}
