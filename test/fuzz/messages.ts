/** Messages as a client might send them, a hostile or a broken one among them: by the grammar first, then damaged. Latin-1. */

import type { Random } from './random.ts';
import { text, value, type Kind } from './values.ts';

type Parameters = Record<string, Kind>;

/** Every command that answers quickly, with its parameters. */
const quick: Record<string, Parameters> = {
  'guest-ping': {},
  'guest-sync': { id: 'integer' },
  'guest-sync-delimited': { id: 'integer' },
  'guest-file-open': { path: 'path', mode: 'mode' },
  'guest-file-close': { handle: 'integer' },
  'guest-file-read': { handle: 'integer', count: 'integer' },
  'guest-file-write': { handle: 'integer', 'buf-b64': 'base64', count: 'integer' },
  'guest-file-seek': { handle: 'integer', offset: 'integer', whence: 'whence' },
  'guest-file-flush': { handle: 'integer' },
  'guest-fsfreeze-status': {},
  'guest-get-host-name': {},
  'guest-get-time': {},
  'guest-get-load': {},
  'guest-exec-status': { pid: 'integer' },
  'guest-nope': { any: 'any' },
  '__org.stillframe_status': {},
  '__org.stillframe_thaw': { epoch: 'integer' },
};

/** Those that start processes or look at the whole system: asked more seldom, or nothing else would be measured. */
const slow: Record<string, Parameters> = {
  'guest-info': {},
  'guest-get-osinfo': {},
  'guest-get-timezone': {},
  'guest-get-users': {},
  'guest-network-get-interfaces': {},
  'guest-get-fsinfo': {},
  'guest-get-disks': {},
  'guest-get-vcpus': {},
  'guest-get-memory-blocks': {},
  'guest-get-memory-block-info': {},
  'guest-exec': { path: 'path', arg: 'strings', env: 'strings', 'input-data': 'base64', 'capture-output': 'capture' },
  'guest-set-time': { time: 'integer' },
  'guest-shutdown': { mode: 'text' },
  'guest-fstrim': { minimum: 'integer' },
  'guest-fsfreeze-freeze': {},
  'guest-fsfreeze-freeze-list': { mountpoints: 'strings' },
  'guest-fsfreeze-thaw': {},
  '__org.stillframe_freeze': { epoch: 'integer', lease: 'integer', mountpoints: 'strings' },
};

/** Commands whose answer depends on nothing but the request: two agents must agree on it. */
const pure = ['guest-ping', 'guest-sync', 'guest-sync-delimited', 'guest-file-close', 'guest-file-read', 'guest-file-write'];
const pureToo = ['guest-file-seek', 'guest-file-flush', 'guest-nope', 'guest-exec-status'];

const quickNames = Object.keys(quick);
const slowNames = Object.keys(slow);
const pureNames = [...pure, ...pureToo];
const oneSlowIn = 1000;

/** One message, damaged or not; of `pure` commands only when two agents are compared. */
export function message(random: Random, { comparable = false } = {}): string {
  const request = wellFormed(random, comparable);
  return random.oneIn(2) ? damage(random, request) : request + (random.oneIn(4) ? '' : random.pick(['\n', '\r\n', ' ', '\t']));
}

function wellFormed(random: Random, comparable: boolean): string {
  const seldom = !comparable && random.oneIn(oneSlowIn);
  const name = random.pick(comparable ? pureNames : seldom ? slowNames : quickNames);
  const members = [`"execute":${random.oneIn(60) ? value(random, 'any') : `"${name}"`}`];
  const given = args(random, (seldom ? slow : quick)[name]!);
  if (given !== '{}' || random.oneIn(3)) members.push(`"arguments":${random.oneIn(40) ? value(random, 'any') : given}`);
  if (random.oneIn(3)) members.push(`"id":${value(random, 'any')}`);
  if (random.oneIn(40)) members.push(`${text(random)}:${value(random, 'any')}`);
  if (random.oneIn(10)) members.reverse();
  return `{${members.join(',')}}`;
}

function args(random: Random, parameters: Parameters): string {
  const given = Object.entries(parameters)
    .filter(() => !random.oneIn(12))
    .map(([name, kind]) => `"${name}":${value(random, kind)}`);
  if (random.oneIn(25)) given.push(`${text(random)}:${value(random, 'any')}`);
  return `{${given.join(',')}}`;
}

function damage(random: Random, request: string): string {
  const at = random.below(request.length + 1);
  switch (random.below(12)) {
    case 0: // Cut off: what follows belongs to it.
      return request.slice(0, at);
    case 1:
      return request.slice(at);
    case 2:
      return request + request;
    case 3:
    case 4:
      return flipBytes(random, request);
    case 5:
      return request.slice(0, at) + '\xff'.repeat(1 + random.below(3)) + request.slice(at);
    case 6:
      return (
        request.slice(0, at) +
        random.pick(['\x80', '\xc1\xbf', '\xe2\x82', '\xed\xa0\x80', '\xfe', '\x00', '\x1b']) +
        request.slice(at)
      );
    case 7:
      return request.slice(0, at) + request.slice(at + 1 + random.below(4));
    case 8:
      return (
        request.slice(0, at) + random.pick(['{', '}', '[', ']', ',', ':', '"', "'", '\\', '\n', '-', '/* */']) + request.slice(at)
      );
    case 9:
      return nested(random);
    case 10:
      return random.oneIn(50)
        ? `{"execute":"guest-ping","id":"${'y'.repeat(random.below(300_000))}"}`
        : `${value(random, 'any')} `;
    default:
      return rubbish(random);
  }
}

function flipBytes(random: Random, request: string): string {
  const bytes = Buffer.from(request, 'latin1');
  for (let flips = 1 + random.below(4); flips > 0 && bytes.length > 0; flips--) {
    const at = random.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
  }
  return bytes.toString('latin1');
}

/** About the depth that is allowed, seldom: mostly shallow. */
function nested(random: Random): string {
  const depth = random.oneIn(400) ? 1010 + random.below(30) : random.below(40);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"b":', '}]'],
  ] as const);
  return `{"execute":"guest-ping","id":${open.repeat(depth)}${random.pick(['1', '', '"x'])}${close.repeat(random.oneIn(3) ? random.below(depth + 2) : depth)}}`;
}

function rubbish(random: Random): string {
  return String.fromCharCode(...Array.from({ length: random.below(40) }, () => random.below(256)));
}
