/** `stillframe up`: everything on one machine, with a Temporal server of its own unless the settings name one. */

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { resolveServer, serverArgs, serverOptions } from '../client/settings.ts';
import { writeJson } from '../lib/durable.ts';
import { startDevServer, type DevServer } from '../infra/temporal/dev-server.ts';
import { defaults, serverSocket } from '../lib/defaults.ts';
import { takeLock } from '../lib/lock.ts';
import { logLine } from '../lib/log.ts';
import { socketAddress } from '../lib/own-port.ts';
import { isStillframeError, messageOf, StillframeError } from '../model/errors.ts';
import { formatDuration } from '../model/units.ts';
import { exitConfiguration } from './warden/warden.ts';
import { beginProcess } from '../lib/begin-process.ts';
import { takeDirectory } from '../lib/strict-modes.ts';

beginProcess();

/** What stands in `<state>/up.json` while `up` runs: where the server is, and which processes there are. */
export interface UpRecord {
  address: string;
  pids: Record<string, number>;
}

/** A process that hangs at its end, after its windows: the longest lease and what the warden allows its worker are below. */
const endMs = 60_000;
/** A process that dies at once is not started again in a tight loop. */
const restartMs = 1_000;

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: defaults.config },
    state: { type: 'string', default: defaults.stateDir },
    ...serverOptions,
  },
});
const startedMs = performance.now();
const log = logLine('up');
const children = new Map<string, ChildProcess>();
const ready = new Set<string>();
let server: DevServer | undefined;
let ending = false;
let recorded = Promise.resolve();

const recordPath = join(values.state, 'up.json');

const socket = resolve(values.state, serverSocket);
let address = socketAddress(socket);
let isServerGiven = false;

try {
  const settings = await resolveServer(values, process.env);
  isServerGiven = settings.isAddressNamed;
  if (isServerGiven) address = settings.connection.address;
  await takeState();
} catch (error) {
  log('error', messageOf(error));
  process.exit(statusOf(error));
}
process.on('SIGINT', () => void stop(0)).on('SIGTERM', () => void stop(0));
if (process.channel) process.once('disconnect', () => void stop(0));
// Everything loads at once: the workers wait until the server has its socket.
startWorkers();
if (!isServerGiven) await serve();

/** The state directory is for one at a time: two would share the database, and write over each other's records. */
async function takeState(): Promise<void> {
  const taken = await lockState();
  if (!taken) {
    // Of one that was killed: its server is gone.
    for (const path of [recordPath, socket]) await rm(path, { force: true });
    return;
  }
  const { holder } = taken;
  const who = holder ? `process ${holder.pid} of user ${holder.user}` : 'another process';
  throw new StillframeError(
    'state-in-use',
    `the state directory ${values.state} is in use by another "stillframe up" (${who}): end that one first, or give this one its own --state`,
    { stateDir: values.state },
  );
}

async function lockState(): ReturnType<typeof takeLock> {
  try {
    await takeDirectory(values.state);
    return await takeLock(join(values.state, 'up.lock'));
  } catch (error) {
    throw new StillframeError(
      'input-invalid',
      `the state directory ${values.state} cannot be used (${messageOf(error)}): run as the user whose it is, or name another with --state`,
      { stateDir: values.state },
      error,
    );
  }
}

function startWorkers(): void {
  const args = serverArgs(isServerGiven ? values : { ...values, address });
  keepRunning('control', './control.ts', args);
  keepRunning('guardian', './guardian.ts', args);
  keepRunning('host', './warden.ts', ['--config', values.config, '--state', values.state, ...args]);
}

async function serve(): Promise<void> {
  try {
    server = await startDevServer({ socket, dbFile: join(values.state, 'temporal.db') });
  } catch (error) {
    log('error', messageOf(error));
    return stop(statusOf(error));
  }
  await record();
  void server.ended.then(async () => {
    if (ending) return;
    log('error', 'the Temporal server ended; starting it again with the same database');
    server = undefined;
    await record();
    await delay(restartMs);
    if (!ending) await serve();
  });
}

/** What is refused with a sentence of its own would be refused again. */
function statusOf(error: unknown): number {
  return isStillframeError(error) ? exitConfiguration : 1;
}

function keepRunning(name: string, entry: string, childArgs: string[]): void {
  const child = fork(fileURLToPath(new URL(entry, import.meta.url)), childArgs, {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    // Ctrl-C is for us alone: the children are ended in order, windows first.
    detached: true,
  });
  children.set(name, child);
  createInterface({ input: child.stderr! }).on('line', (line) => process.stderr.write(`${line}\n`));
  child.on('message', () => void becameReady(name));
  child.once('exit', (code, signal) => void restart(name, entry, childArgs, code, signal));
  void record();
}

async function becameReady(name: string): Promise<void> {
  ready.add(name);
  if (ready.size < children.size || ready.has('up')) return;
  ready.add('up');
  await record();
  process.stdout.write(
    `stillframe is up after ${formatDuration(performance.now() - startedMs)}: Temporal at ${address}, state in ${values.state}; press Ctrl-C to stop\n`,
  );
  process.send?.({ kind: 'ready', address });
}

async function restart(
  name: string,
  entry: string,
  childArgs: string[],
  code: number | null,
  signal: string | null,
): Promise<void> {
  if (ending) return;
  if (code === exitConfiguration) return stop(code);
  log('error', `${name} ended with ${signal ?? `status ${code}`}; starting it again`);
  await delay(restartMs);
  if (!ending) keepRunning(name, entry, childArgs);
}

/** One after another: the last to write knows the most. */
function record(): Promise<void> {
  recorded = recorded.then(() => {
    const pids = Object.fromEntries([...children].map(([name, child]) => [name, child.pid!]));
    return writeJson(recordPath, {
      address,
      pids: { ...pids, ...(server && { temporal: server.pid, carrier: server.carrier }) },
    } satisfies UpRecord);
  });
  return recorded;
}

/** Windows end first, then what serves workflows, then the server. */
async function stop(status: number): Promise<void> {
  if (ending) return;
  ending = true;
  for (const names of [['host'], ['control', 'guardian']]) {
    await Promise.all(names.map((name) => endChild(children.get(name))));
  }
  await server?.stop();
  await recorded;
  await rm(recordPath, { force: true });
  process.exit(status);
}

async function endChild(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), endMs);
  await once(child, 'exit');
  clearTimeout(timer);
}
