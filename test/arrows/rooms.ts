/**
 * The rooms of the house and what each may import: the one table of the arrows, from the top down. A file belongs to the room
 * with the longest name that its path begins with.
 */

export type RoomName =
  | 'test'
  | 'demo'
  | 'cli/stillframe.mjs'
  | 'cli'
  | 'workers'
  | 'infra'
  | 'client'
  | 'config'
  | 'workflows'
  | 'activities'
  | 'backup'
  | 'nbd'
  | 'repository'
  | 'host'
  | 'agent/platform/native'
  | 'agent/platform/node'
  | 'agent/core'
  | 'inspect'
  | 'model'
  | 'protocol'
  | 'lib';

export interface Room {
  holds: string;
  /** Rooms below, in every way there is; its own files a room may always import. */
  imports: readonly RoomName[] | 'every room below';
  /** Rooms that it imports by `import type` only. */
  types?: readonly RoomName[];
  /** Rooms whose files it starts as processes, by path. */
  starts?: readonly RoomName[];
  /** Packages and modules of Node, by name; a `*` at the end stands for any rest. */
  packages: readonly string[];
}

export const rooms: Record<RoomName, Room> = {
  test: {
    holds: 'tests, which mirror all the rooms; benchmarks, fuzzers, fakes',
    imports: 'every room below',
    packages: ['node:*', '@temporalio/*', '@stricli/core', 'fast-check', 'typescript/*'],
  },
  demo: {
    holds: 'the story: guests, backups and restores on one machine',
    imports: 'every room below',
    packages: ['node:*', '@temporalio/client'],
  },
  'cli/stillframe.mjs': { holds: 'the command itself, under any Node', imports: ['infra'], packages: ['node:*'] },
  cli: {
    holds: 'the command line: one file per command',
    imports: ['client', 'config', 'nbd', 'repository', 'model', 'lib'],
    starts: ['workers'],
    packages: ['node:*', '@stricli/core'],
  },
  workers: {
    holds: 'the processes, which wire everything',
    imports: [
      'infra',
      'client',
      'config',
      'workflows',
      'activities',
      'backup',
      'repository',
      'host',
      'inspect',
      'model',
      'protocol',
      'lib',
    ],
    packages: ['node:*', '@temporalio/*'],
  },
  infra: {
    holds: 'the pinned Node, the dev server, lab guests, the build of the agent',
    imports: ['host', 'model', 'protocol', 'lib'],
    packages: ['node:*', 'esbuild'],
  },
  client: {
    holds: 'Stillframe through a server, with no terminal in it',
    imports: ['model', 'lib'],
    packages: ['node:*', '@temporalio/client', '@temporalio/common', '@temporalio/envconfig', '@temporalio/proto'],
  },
  config: {
    holds: 'the files that people write: read and checked here, once',
    imports: ['host', 'model', 'lib'],
    packages: ['node:*', 'yaml', 'zod'],
  },
  workflows: {
    holds: 'wiring only; their rules are in model',
    imports: ['model'],
    types: ['activities'],
    packages: ['@temporalio/workflow', '@temporalio/common'],
  },
  activities: {
    holds: 'bind host, backup and repository to Temporal, nothing else',
    imports: ['backup', 'repository', 'host', 'model', 'protocol', 'lib'],
    packages: ['@temporalio/activity', '@temporalio/client', '@temporalio/common'],
  },
  backup: {
    holds: 'what knows both a driver and a repository',
    imports: ['nbd', 'repository', 'host', 'inspect', 'model', 'protocol', 'lib'],
    packages: ['node:*'],
  },
  nbd: {
    holds: 'reads and serves disks over sockets by the NBD protocol',
    imports: ['model', 'protocol', 'lib'],
    packages: ['node:*'],
  },
  repository: { holds: 'restore points; knows no host and no server', imports: ['model', 'lib'], packages: ['node:*', 'hpke'] },
  host: {
    holds: 'what a host can do to its guests; knows no server',
    imports: ['model', 'protocol', 'lib'],
    packages: ['node:*'],
  },
  'agent/platform/native': {
    holds: 'the agent on C and quickjs: the binary',
    imports: ['agent/core', 'protocol'],
    packages: [],
  },
  'agent/platform/node': {
    holds: 'the agent on Node, for tests',
    imports: ['agent/core', 'protocol'],
    packages: ['node:*'],
  },
  'agent/core': { holds: 'what runs inside the guest, on any platform; pure', imports: ['protocol'], packages: [] },
  inspect: {
    holds: 'filesystems on frozen disks, over an area of bytes; pure',
    imports: ['model'],
    packages: ['node:zlib'],
  },
  model: { holds: 'domain types and rules; pure, and safe in a workflow', imports: [], packages: [] },
  protocol: { holds: 'wire formats; pure', imports: [], packages: [] },
  lib: { holds: 'programs, durable files, clocks, logs: no domain in it', imports: [], packages: ['node:*'] },
};

export const roomNames = Object.keys(rooms) as RoomName[];

/** The room of a file, by its path from the root; undefined when no room has it. */
export function roomOf(file: string): RoomName | undefined {
  return roomNames.filter((name) => file === name || file.startsWith(`${name}/`)).toSorted((a, b) => b.length - a.length)[0];
}

/** The rooms that `name` may import in every way. */
export function importsOf(name: RoomName): readonly RoomName[] {
  const { imports } = rooms[name];
  return imports === 'every room below' ? roomNames.slice(roomNames.indexOf(name) + 1) : imports;
}
