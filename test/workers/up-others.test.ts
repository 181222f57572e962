/** `stillframe up` among other users and processes of its machine: what they can reach, and what it refuses to start without. */

import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { runToEnd } from '../../lib/run.ts';
import { errnoOf } from '../../lib/errno.ts';
import type { UpRecord } from '../../workers/up.ts';
import { runCli } from '../cli/run-cli.ts';
import { makeTemporary, startEntry, stranger } from './up-process.ts';

async function makeArguments(directory: string): Promise<{ state: string; args: string[] }> {
  const [config, state] = [join(directory, 'host.yaml'), join(directory, 'state')];
  await writeFile(config, 'host: lab\nguests: []\nscratch: { path: /none }\nrepositories: {}\n');
  return { state, args: ['--config', config, '--state', state] };
}

/** A process and all below it (proc(5)). */
async function familyOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const families = await Promise.all(children.trim().split(' ').filter(Boolean).map(Number).map(familyOf));
  return [pid, ...families.flat()];
}

/** TCP ports on which the processes listen in the network of this process: sockets by inode (proc(5)). */
async function portsOf(pids: number[]): Promise<number[]> {
  const held = new Set<string>();
  for (const pid of pids) {
    const fds = await readdir(`/proc/${pid}/fd`);
    const links = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    links.forEach((link) => held.add(link));
  }
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/self/net/${name}`, 'utf8')));
  const rows = tables.flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)));
  const listening = rows.filter((fields) => fields[3] === '0A' && held.has(`socket:[${fields[9]}]`));
  return listening.map((fields) => parseInt(fields[1]!.split(':')[1]!, 16));
}

const intruder = join(import.meta.dirname, 'intruder.ts');

/** What a process of `user` gets from the ports and the socket. */
async function intrude(user: string | undefined, ports: number[], socket: string): Promise<Record<string, string>> {
  const as = user === undefined ? [] : ['setpriv', '--reuid', user, '--clear-groups', '--'];
  const { stdout, stderr, status } = await runToEnd([...as, process.execPath, intruder, socket, ...ports.map(String)]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Record<string, string>;
}

it('no other user, and no other process, gets a byte from any port of up, or starts or polls anything; its own user finds it', async () => {
  await using undo = new AsyncDisposableStack();
  const directory = await makeTemporary(undo);
  const { state, args } = await makeArguments(directory);
  // All may read and enter, as in one that was made before: the files themselves have to keep others out.
  await mkdir(state);
  for (const each of [directory, state]) await chmod(each, 0o755);
  const up = startEntry(undo, 'up.ts', args);
  await up.printed('stillframe is up');
  const { address, pids } = JSON.parse(await readFile(join(state, 'up.json'), 'utf8')) as UpRecord;

  const family = await familyOf(up.child.pid!);
  for (const pid of Object.values(pids)) assert.ok(family.includes(pid));
  const ports = await portsOf(family);
  const socket = join(state, 'temporal.sock');
  const { name } = await stranger(undo);
  const theirs = await intrude(name, ports, socket);
  const [ofSocket, ...ofPorts] = [theirs[socket], ...ports.map((port) => theirs[port])];
  assert.deepEqual(new Set(ofPorts), new Set(['closed without a byte']));
  // Without root these tests cannot become another user: then it is the user's own socket.
  if (name !== undefined) assert.equal(ofSocket, 'EACCES');

  const names = (await readdir(state)).filter((each) => /^(up\.json|temporal\.)/.test(each));
  assert.equal((await stat(state)).mode & 0o777, 0o711, 'a state directory that others could list is closed');
  assert.ok(names.includes('temporal.db') && names.includes('temporal.sock'));
  for (const each of names) {
    // The server's journal comes and goes with each transaction.
    const found = await stat(join(state, each)).catch(unlessMissing);
    if (found) assert.equal(found.mode & 0o077, 0, each);
  }

  assert.equal(address, `unix:${socket}`);
  const forOtherServers = { TEMPORAL_TLS: 'true', TEMPORAL_API_KEY: 'a key' };
  for (const env of [
    { STILLFRAME_STATE: state },
    { TEMPORAL_ADDRESS: address },
    { STILLFRAME_STATE: state, ...forOtherServers },
  ]) {
    const { status, stdout, stderr } = await runCli(['backup', 'list', '--json'], env);
    assert.equal(status, 0, stderr);
    assert.equal(stdout, '[]\n');
  }
  const { stdout } = await runCli(['doctor', '--state', state, '--json']);
  assert.match(stdout, new RegExp(`unix:${socket}, server `));
});

it('up is refused in a state directory that others may write to, before it starts anything in there', async () => {
  await using undo = new AsyncDisposableStack();
  const { state, args } = await makeArguments(await makeTemporary(undo));
  await mkdir(state);
  await chmod(state, 0o777);
  const { status, stdout, stderr } = await startEntry(undo, 'up.ts', args).ended;
  assert.equal(status, 2, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, new RegExp(`state directory ${state} cannot be used \\(.*"chmod go-w ${state}"`));
  assert.deepEqual(await readdir(state), []);
});

it('up starts no server where it cannot keep others out, and names the ways out', async () => {
  await using undo = new AsyncDisposableStack();
  const { state, args } = await makeArguments(await makeTemporary(undo));
  // The limit holds below this user namespace (namespaces(7)).
  const noNetworks = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"';
  const inside = ['unshare', '--user', '--map-root-user', '--', 'sh', '-c', noNetworks, 'sh'];
  const up = [process.execPath, join(import.meta.dirname, '../../workers/up.ts'), ...args];
  const { status, stdout, stderr } = await runToEnd([...inside, ...up]);
  assert.equal(status, 2, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /other users of this machine could use it.*\(unshare: .*\).*max_user_namespaces.*TEMPORAL_ADDRESS/);
  await assert.rejects(stat(join(state, 'temporal.db')), (error) => errnoOf(error) === 'ENOENT');
});

it('up is refused when the path of its socket would be too long', async () => {
  await using undo = new AsyncDisposableStack();
  const { args } = await makeArguments(await makeTemporary(undo));
  const state = join(await makeTemporary(undo), 'x'.repeat(107));
  const { status, stderr } = await startEntry(undo, 'up.ts', [...args.slice(0, 2), '--state', state]).ended;
  assert.equal(status, 2, stderr);
  assert.match(stderr, /x\/temporal\.sock has more than the 107 bytes .* --state/);
});

function unlessMissing(error: unknown): null {
  if (errnoOf(error) === 'ENOENT') return null;
  throw error;
}
