/** What our agent and the stock one are both asked, byte for byte: what a host may send, and what a careless one does. */

/** Each step is sent when the one before it is answered. `@` stands for the handle or pid that was returned last. */
export type Vector = [name: string, ...steps: string[]];

/** At the end of a step: it is not waited for, the client goes, and another one comes. */
export const leave = '<leave>';

export function ask(execute: string, args?: object, id?: unknown): string {
  return `${JSON.stringify({ execute, ...(args && { arguments: args }), ...(id !== undefined && { id }) }).replaceAll('"@"', '@')}\n`;
}

const ping = '{"execute":"guest-ping"}';
const sync = (id: string) => `{"execute":"guest-sync","arguments":{"id":${id}}}\n`;
const delimited = (id: string) => `{"execute":"guest-sync-delimited","arguments":{"id":${id}}}\n`;
const pingId = (id: string) => `{"execute":"guest-ping","id":${id}}\n`;
const utf8 = (text: string) => Buffer.from(text).toString('latin1');
const named = (name: string, make: (text: string) => string, texts: string[]): Vector[] =>
  texts.map((text): Vector => [`${name} ${JSON.stringify(text)}`, make(text)]);

/** Bytes as Latin-1. The numbers are those of the golden vectors that test/protocol/golden.test.ts holds our parser to. */
export const framing: Vector[] = [
  ['A1 no newline', ping],
  ['A2 two on one line', `${ping}${sync('7')}`],
  ['A3 over several lines', '{\r\n\t"execute"\n:\r"guest-ping"\t}\n'],
  ['A4 blank lines', '\n\n  \r\n'],
  ['A5 a lone 0xFF', '\xff'],
  ['A6 0xFF three times before a sync', `\xff\xff\xff${delimited('1234')}`],
  ['A7 0xFF in half a request', `{"execute":"guest-p\xff${ping}\n`],
  ['A8 0xFF instead of a value', `{"execute":\xff${delimited('1234')}`],
  ['A9 a delimited sync without its id', ask('guest-sync-delimited')],
  ['A10 a delimited sync with an id of its own', ask('guest-sync-delimited', { id: 5 }, 'x')],
  ...named('A11 sync id', sync, ['9223372036854775807', '-9223372036854775808', '-0']),
  ...named('A12 sync id', sync, ['9223372036854775808', '1.0', '1e3', '"5"', 'null', 'true', '[]', '{}']),
  ['A13 a leading zero', sync('01')],
  ['A14 an unknown command with an id', ask('guest-nope', undefined, 42)],
  ['A15 no execute', '{}\n{"id":9}\n'],
  ...named('A16 execute', (text) => `{"execute":${text}}\n`, ['5', 'null']),
  ...named('A17 arguments', (text) => `{"execute":"guest-ping","arguments":${text}}\n`, ['[]', 'null', '"x"']),
  ...named('A18 member', (text) => `{"execute":"guest-ping","${text}":1}\n`, ['foo', 'exec-oob', 'control']),
  ['A19 an unexpected argument', ask('guest-ping', { foo: 42 })],
  ['A20 missing beats unexpected', ask('guest-sync', { foo: 42 })],
  ['A21 arg of a wrong element', ask('guest-exec', { path: '/bin/true', arg: ['a', 5] })],
  ['A21 arg no list', ask('guest-exec', { path: '/bin/true', arg: 'a' })],
  ['A21 path no string', ask('guest-exec', { path: 5 })],
  ...[true, 'foo', undefined, 7].map((whence): Vector => [
    `A22 whence ${String(whence)}`,
    ask('guest-file-seek', { handle: 1, offset: 0, whence }),
  ]),
  ...named('A23 id', pingId, ['null', 'true', '1.5', '[]', '{"a":[1,{"b":null}]}', '0.1', '18446744073709551615', '1e20']),
  ...named('A24 no object', (text) => `${text}\n`, ['[1,2]', '5', '"abc"', 'null']),
  ['A26 two words', 'hello world\n'],
  ['A27 an HTTP request', `GET / HTTP/1.1\r\nHost: x\r\n\r\n${ping}`],
  ['A28 single quotes', "{'execute':'guest-ping'}\n"],
  ...named('A29', (text) => `${text}\n${ping}`, [
    '{"execute":"a","execute":"b"}',
    '{"execute":"a",}',
    '{"execute" "a"}',
    '{"execute":}',
    '{5:1}',
  ]),
  ...named('A30', (text) => `${text}${ping}`, [']', '}', ',', ':']),
  ['A31 closing braces too many', `{"a":1}}}${ping}\n`],
  ['A32 a broken message ends where it balances', `{"a":{"b":[1,,2],"c":3},"d":4}${ping}\n`],
  ['A33 a newline ends no message', `{"execute":[\n${ping}\n]}\n`],
  ['A34 a comment', `/* x */${ping}\n`],
  ['A35 an escaped command', '{"execute":"guest-\\u0070ing"}\n'],
  ...named('A36 id', pingId, ['"\\ud83d\\ude00"', utf8('"😀é"'), '"/\\u007f"']),
  ...named('A37 id', (text) => `${pingId(text)}${ping}`, ['"\\ud800"', '"\\udc00"', '"\\uffff"', '"\\ufdd0"', '"\\u12g4"']),
  ...named('A38 id', pingId, ['"a\\u0000b"', '"\xc0\x80"']),
  ...named('A39 id', (text) => `${pingId(text)}${ping}`, ['"\x80"', '"\xc1\xbf"', '"\xe2\x82"', '"\xed\xa0\x80"']),
  ['A40 a raw tab in a string', `{"execute":"a\tb"}\n${ping}`],
  ['A40 a raw newline in a string', `{"execute":"a\nb"}\n${ping}`],
  ['A41 a NUL byte', '\x00'],
  ['A42 a byte order mark', `\xef\xbb\xbf${ping}`],
  ['A43 an id 1023 deep', pingId('['.repeat(1022) + ']'.repeat(1022))],
  ['A43 an id too deep', pingId('['.repeat(1024) + ']'.repeat(1024))],
  ['A44 an id of 9 MiB', pingId(`"${'x'.repeat(9 * 2 ** 20)}"`)],
  ['A45 half a request each by two clients', `{"execute":"guest-sync","argu${leave}`, 'ments":{"id":7}}\n'],
];

const open = (mode?: string) => ask('guest-file-open', { path: '/run/contract/file', ...(mode !== undefined && { mode }) });
const write = (text: string, count?: number) => ask('guest-file-write', { handle: '@', 'buf-b64': text, count });
const read = (count?: number) => ask('guest-file-read', { handle: '@', count });
const seek = (offset: number, whence: number | string) => ask('guest-file-seek', { handle: '@', offset, whence });
const close = ask('guest-file-close', { handle: '@' });
const hello = Buffer.from('hello world').toString('base64');
const exec = (args: object) => ask('guest-exec', args);
const status = ask('guest-exec-status', { pid: '@' });
const both = 'printf out; printf err >&2';

/** Each finds /run/contract empty, and nothing frozen. */
export const commands: Vector[] = [
  ['ping with empty arguments', ask('guest-ping', {})],
  ['open a file that is not there', ask('guest-file-open', { path: '/run/contract/none' })],
  ...['', 'rt', 'wx', 'R'].map((mode): Vector => [`open with mode '${mode}'`, open(mode)]),
  ['open a directory and read it', ask('guest-file-open', { path: '/run' }), read(), close],
  ['open a directory for writing', ask('guest-file-open', { path: '/run', mode: 'w' })],
  ['write, seek, read to the end, close', open('w+'), write(hello), seek(0, 'set'), read(), read(), close, close],
  ['what is written and read back without a seek', open('w+'), write(hello), read(), seek(0, 0), read(5), read(6), read(), close],
  ['write fewer bytes than were sent', open('w'), write(hello, 5), ask('guest-file-flush', { handle: '@' }), close],
  ['write a count beyond the bytes', open('w'), write(hello, 12), write(hello, -1), close],
  ['write what is no base64', open('w'), write('a-b_'), write('a b='), close],
  ['write base64 without its tail', open('w'), write('aGVsbG8'), close],
  [
    'write to what is open for reading',
    open('w'),
    close,
    open('r'),
    write(hello),
    ask('guest-file-flush', { handle: '@' }),
    close,
  ],
  ['read what is open for writing', open('w'), read(), close],
  ['read with counts at the edges', open('w+'), write(hello), seek(0, 0), read(0), read(-1), read(50331649), close],
  [
    'seek before the beginning and beyond the end',
    open('w+'),
    write(hello),
    seek(-1, 'set'),
    seek(5, 'end'),
    read(),
    seek(-5, 'cur'),
    close,
  ],
  ['append', open('w'), write(hello), close, open('a+'), write(hello), seek(0, 'set'), read(), close],
  ...['guest-file-read', 'guest-file-close', 'guest-file-flush'].map((name): Vector => [
    `${name} of an unknown handle`,
    ask(name, { handle: 7 }),
  ]),
  ['exec without capture', exec({ path: 'true' }), status, status],
  ['exec captured', exec({ path: 'sh', arg: ['-c', both], 'capture-output': true }), status],
  ['exec that fails', exec({ path: 'sh', arg: ['-c', 'exit 7'], 'capture-output': true }), status],
  ['exec killed by a signal', exec({ path: 'sh', arg: ['-c', 'kill -9 $$'] }), status],
  ['exec with input', exec({ path: 'cat', 'input-data': hello, 'capture-output': true }), status],
  ['exec with an environment', exec({ path: '/bin/env', env: ['A=b'], 'capture-output': true }), status],
  ['exec of what is not there', exec({ path: '/bin/no-such' })],
  ['exec of a directory', exec({ path: '/run' })],
  ['exec captured separately', exec({ path: 'sh', arg: ['-c', both], 'capture-output': 'separated' }), status],
  ['exec captured as one', exec({ path: 'sh', arg: ['-c', both], 'capture-output': 'merged' }), status],
  ['exec with a capture that there is not', exec({ path: 'true', 'capture-output': 'all' })],
  ['exec-status of an unknown pid', ask('guest-exec-status', { pid: 0 })],
  ['shutdown of an unknown mode', ask('guest-shutdown', { mode: 'sleep' })],
  ['set-time far from now', ask('guest-set-time', { time: -1_000_000_000 })],
  ['status when nothing is frozen', ask('guest-fsfreeze-status')],
  ['thaw when nothing is frozen', ask('guest-fsfreeze-thaw')],
  ['freeze-list of nothing', ask('guest-fsfreeze-freeze-list', { mountpoints: [] }), ask('guest-fsfreeze-status')],
  ['freeze-list of a number', ask('guest-fsfreeze-freeze-list', { mountpoints: [5] })],
  [
    'freeze-list of one, with a slash behind it',
    ask('guest-fsfreeze-freeze-list', { mountpoints: ['/data/disk0/'] }),
    ask('guest-fsfreeze-thaw'),
  ],
  [
    'freeze, what is refused meanwhile, thaw',
    ask('guest-fsfreeze-freeze'),
    ask('guest-fsfreeze-status'),
    ask('guest-fsfreeze-freeze'),
    ask('guest-get-fsinfo'),
    ask('guest-file-open', { path: '/run/contract/none' }),
    ask('guest-ping'),
    ask('guest-sync', { id: 3 }),
    ask('guest-fsfreeze-thaw'),
    ask('guest-fsfreeze-status'),
  ],
  ...[
    'guest-get-osinfo',
    'guest-get-host-name',
    'guest-get-timezone',
    'guest-get-users',
    'guest-get-time',
    'guest-get-vcpus',
    'guest-get-memory-blocks',
    'guest-get-memory-block-info',
    'guest-network-get-interfaces',
    'guest-get-fsinfo',
    'guest-get-disks',
    'guest-fstrim',
  ].map((name): Vector => [name, ask(name)]),
];
