/** The cases of QEMU's own test of its agent (tests/unit/test-qga.c, 11.1), for our agent and for the stock one, both as programs of this machine. */

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, suite, test, type TestContext } from 'node:test';
import { buildAgent } from '../../infra/agent/build.ts';
import {
  makeDirectory,
  runToEnd,
  startAgent,
  type AgentProcess,
  type Client,
  type StartOptions,
} from '../agent/native/agent-process.ts';
import { run } from '../../lib/run.ts';
import { endsWell, longestBuild } from '../agent/native/binaries.ts';
import { stockCommand } from '../fuzz/stock.ts';

interface Failed {
  class: string;
  desc: string;
}

type Asked = Record<string, unknown>;

const programs = { ours: async () => [await buildAgent()], stock: stockCommand };

for (const [name, command] of Object.entries(programs)) {
  const isOurs = name === 'ours';

  suite(`the upstream cases: ${name}`, () => {
    before(async () => void (await command()), longestBuild);

    on('answers a delimited sync', async ({ client }) => {
      client.send('\xff{"execute":"guest-sync-delimited","arguments":{"id":3735928559}}\n');
      let line = '';
      while (!line.startsWith('\xff')) line = await client.line();
      assert.equal(line, '\xff{"return": 3735928559}');
    });

    on('answers sync and ping, and returns an id', async ({ client }) => {
      assert.equal(await client.ask('guest-sync', { id: 3735928559 }), 3735928559);
      assert.deepEqual(await client.ask('guest-ping'), {});
      client.send('{"execute":"guest-ping","id":1}\n');
      assert.equal(await client.line(), '{"return": {}, "id": 1}');
    });

    on('answers the queries about the guest', async ({ client }) => {
      assert.match(((await client.ask('guest-info')) as Asked).version as string, /^\d+\.\d+\.\d+/);
      for (const [execute, members] of Object.entries(ofFirst)) {
        const list = (await client.ask(execute)) as Asked[];
        assert.ok(Array.isArray(list), execute);
        for (const member of list.length > 0 ? members : []) assert.ok(member in list[0]!, `${execute} ${member}`);
      }
      assert.ok(((await client.ask('guest-get-time')) as number) > 0);
      assert.equal(await client.ask('guest-fsfreeze-status'), 'thawed');
      assert.equal(typeof ((await client.ask('guest-get-host-name')) as Asked)['host-name'], 'string');
      assert.equal(typeof ((await client.ask('guest-get-timezone')) as Asked).offset, 'number');
    });

    on('lists memory blocks where the guest has them', async ({ client }) => {
      client.send('{"execute":"guest-get-memory-block-info"}{"execute":"guest-get-memory-blocks"}\n');
      const [info, blocks] = [await client.line(), await client.line()].map((line) => JSON.parse(line) as Asked);
      assert.ok('error' in info! || ((info!.return as Asked).size as number) > 0);
      for (const block of (blocks!.return ?? []) as Asked[]) assert.ok('phys-index' in block && 'online' in block);
    });

    on('reads what it wrote to a file, to its end and from every position', async ({ client, agent }) => {
      const [text, base64] = ['hello world!\n\0', Buffer.from('hello world!\n\0').toString('base64')];
      let handle = await client.ask('guest-file-open', { path: 'foo', mode: 'w+' });
      assert.deepEqual(await client.ask('guest-file-write', { handle, 'buf-b64': base64 }), { count: 14, eof: false });
      assert.deepEqual(await client.ask('guest-file-flush', { handle }), {});
      assert.deepEqual(await client.ask('guest-file-close', { handle }), {});
      assert.equal(await readFile(join(agent.directory, 'foo'), 'latin1'), text);
      handle = await client.ask('guest-file-open', { path: 'foo', mode: 'r' });
      const read = (count?: number) => client.ask('guest-file-read', { handle, ...(count && { count }) });
      assert.deepEqual(await read(), { count: 14, 'buf-b64': base64, eof: true });
      assert.deepEqual(await read(), { count: 0, 'buf-b64': '', eof: true });
      assert.deepEqual(await client.ask('guest-file-seek', { handle, offset: 6, whence: 'set' }), { position: 6, eof: false });
      assert.deepEqual(await read(), { count: 8, 'buf-b64': Buffer.from('world!\n\0').toString('base64'), eof: true });
      await client.ask('guest-file-close', { handle });
    });

    on('writes and reads a file through one handle', async ({ client }) => {
      const base64 = Buffer.from('hello world!\n\0').toString('base64');
      const handle = await client.ask('guest-file-open', { path: 'foo', mode: 'w+' });
      await client.ask('guest-file-write', { handle, 'buf-b64': base64 });
      assert.deepEqual(await client.ask('guest-file-read', { handle }), { count: 0, 'buf-b64': '', eof: true });
      await client.ask('guest-file-seek', { handle, offset: 0, whence: 'set' });
      assert.deepEqual(await client.ask('guest-file-read', { handle }), { count: 14, 'buf-b64': base64, eof: true });
      await client.ask('guest-file-close', { handle });
    });

    on('refuses wrong requests', async ({ client }) => {
      const refused = (text: string) => refusal(client, text);
      assert.equal((await refused('{"exec-oob":"guest-ping"}')).class, 'GenericError');
      assert.equal((await refused('{"execute":"guest-invalid-cmd"}')).class, 'CommandNotFound');
      assert.deepEqual(await refused('{"execute":"guest-ping","arguments":{"foo":42}}'), {
        class: 'GenericError',
        desc: "Parameter 'foo' is unexpected",
      });
    });

    on('runs a program, and reports one that does not exist', async ({ client }) => {
      const ended = await runAndRead(client, { path: 'echo', arg: ['-n', '" test_str "'], 'capture-output': true });
      assert.deepEqual(ended, { exitcode: 0, 'out-data': '" test_str "' });
      for (const text of ['"guest-exec","arguments":{"path":"/bin/invalid-cmd42"}', '"guest-exec-status","arguments":{"pid":0}'])
        assert.equal((await refusal(client, `{"execute":${text}}`)).class, 'GenericError');
    });

    on(
      'commands that are blocked',
      async ({ client }) => {
        for (const execute of ['guest-ping', 'guest-get-time']) await assertDisabled(client, execute);
        await client.ask('guest-get-fsinfo');
      },
      { args: ['-b', 'guest-ping,guest-get-time'] },
    );

    const osRelease = [
      'ID=qemu-ga-test',
      'NAME=QEMU-GA',
      'PRETTY_NAME="QEMU Guest Agent test"',
      'VERSION="Test 1"',
      'VERSION_ID=1',
      String.raw`VARIANT="Unit test \"\'\$\`\\ and \\\\ etc."`,
      'VARIANT_ID=unit-test',
    ].join('\n');
    test(`${name} reports the operating system by the file that the environment names`, async (t) => {
      const directory = await makeDirectory(t);
      await writeFile(join(directory, 'os-release'), `${osRelease}\n`);
      const environment = { QGA_OS_RELEASE: join(directory, 'os-release') };
      const { client, done } = await begin(t, { environment });
      const told = (await client.ask('guest-get-osinfo')) as Asked;
      assert.deepEqual(
        ['id', 'name', 'pretty-name', 'version', 'version-id', 'variant', 'variant-id'].map((member) => told[member]),
        ['qemu-ga-test', 'QEMU-GA', 'QEMU Guest Agent test', 'Test 1', '1', 'Unit test "\'$`\\ and \\\\ etc.', 'unit-test'],
      );
      await done();
    });

    test(`${name} prints the settings of the file that the environment names`, async (t) => {
      const path = join(await makeDirectory(t), 'config');
      await writeFile(
        path,
        `[general]\n${Object.entries(settings)
          .map(([key, value]) => `${key}=${value}\n`)
          .join('')}`,
      );
      const dumped = await run([...(await command()), '-D'], { env: { QGA_CONF: path } });
      assert.ok(dumped.startsWith('[general]\n'), dumped);
      const lines = dumped.split('\n');
      for (const [key, value] of Object.entries(settings)) assert.ok(lines.includes(`${key}=${value}`), dumped);
    });

    // Newer than the stock agent of Debian 12.
    if (isOurs) {
      on('reports the load', async ({ client }) => {
        const load = (await client.ask('guest-get-load')) as Asked;
        for (const member of ['load1m', 'load5m', 'load15m']) assert.equal(typeof load[member], 'number');
      });

      const script = 'for i in $(seq 1 2); do echo stdout; echo stderr 1>&2; done';
      const both = (mode: string) => ({ path: 'bash', arg: ['-c', script], 'capture-output': mode });
      on('captures both streams of a program, separately and merged', async ({ client }) => {
        const [out, err] = ['stdout\nstdout\n', 'stderr\nstderr\n'];
        assert.deepEqual(await runAndRead(client, both('separated')), { exitcode: 0, 'out-data': out, 'err-data': err });
        assert.deepEqual(await runAndRead(client, both('merged')), {
          exitcode: 0,
          'out-data': 'stdout\nstderr\nstdout\nstderr\n',
        });
      });

      on(
        'commands that are allowed',
        async ({ client }) => {
          await client.ask('guest-ping');
          await client.ask('guest-get-time');
          await assertDisabled(client, 'guest-get-fsinfo');
        },
        { args: ['-a', 'guest-ping,guest-get-time'] },
      );
    }
  });

  function on(what: string, act: (on: { client: Client; agent: AgentProcess }) => Promise<void>, more: StartOptions = {}): void {
    test(`${name} ${what}`, async (t) => {
      const { done, ...begun } = await begin(t, more);
      await act(begun);
      await done();
    });
  }

  async function begin(t: TestContext, more: StartOptions) {
    const [binary, ...rest] = (await command()).toReversed();
    const agent = await startAgent(t, binary!, { runner: rest.toReversed(), ...more });
    const client = await agent.connect();
    // SIGTERM while a client is connected. One that meets the stock one within GLib's main loop leaves it hanging in its own signal handler.
    return { agent, client, done: async () => void (isOurs && (await endsWell(agent))) };
  }
}

/** What the first entry of each list has. */
const ofFirst = {
  'guest-network-get-interfaces': ['name'],
  'guest-get-vcpus': ['online', 'logical-id'],
  'guest-get-fsinfo': ['name', 'mountpoint', 'type', 'disk'],
  'guest-get-users': [],
};

const settings = {
  daemon: 'false',
  method: 'virtio-serial',
  path: '/path/to/org.qemu.guest_agent.0',
  pidfile: '/var/foo/qemu-ga.pid',
  statedir: '/var/state',
  verbose: 'true',
  'block-rpcs': 'guest-ping;guest-get-time',
};

async function refusal(client: Client, text: string): Promise<Failed> {
  client.send(`${text}\n`);
  const { error } = JSON.parse(await client.line()) as { error: Failed };
  assert.notEqual(error.desc, '');
  return error;
}

async function assertDisabled(client: Client, execute: string): Promise<void> {
  const { class: kind, desc } = await refusal(client, `{"execute":"${execute}"}`);
  assert.equal(kind, 'CommandNotFound');
  assert.match(desc, /has been disabled/);
}

/** Its status and what it wrote. */
async function runAndRead(client: Client, args: Asked): Promise<Asked> {
  const { exitcode, ...status } = await runToEnd(client, args);
  const written = (['out-data', 'err-data'] as const).filter((stream) => stream in status);
  const texts = written.map((stream) => [stream, Buffer.from(status[stream]!, 'base64').toString()]);
  return { exitcode, ...Object.fromEntries(texts) };
}
