/** The C compilers that make the agent: musl-gcc for quick builds here, zig for releases and other processors, gcc with sanitizers. */

import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../../lib/find-program.ts';
import { run } from '../../lib/run.ts';
import { aptGet } from '../lab/packages.ts';
import { fetchPackage, type PythonPackage } from './fetch.ts';

export const architectures = ['x86_64', 'aarch64', 'riscv64'] as const;
export type Architecture = (typeof architectures)[number];

export interface Toolchain {
  /** Compiler and version: part of the name of everything that it has made. */
  name: string;
  compiler: string;
  /** Before all others. */
  target: string[];
  compile: string[];
  link: string[];
}

export type Purpose = 'development' | 'release' | 'sanitizers';

/** The last one that links musl's own malloc(3): that of 0.16 and 0.17 keeps 0.2 MiB more after some work (measured). */
const ziglang: PythonPackage = {
  name: 'ziglang',
  version: '0.15.2',
  sha256: '806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130',
  form: 'wheel',
  why: 'the compiler of releases and of other processors',
};

/** One that compiles for this machine, for the tool that makes bytecode. */
export async function ownToolchain(): Promise<Toolchain> {
  return (await findProgram('gcc')) ? gcc('gcc', [], []) : zig(ownArchitecture());
}

export async function toolchainFor(architecture: Architecture, purpose: Purpose): Promise<Toolchain> {
  const isOwn = architecture === ownArchitecture();
  if (purpose === 'sanitizers') {
    if (!isOwn) throw new Error(`sanitizers run on this machine's processor only, which is ${ownArchitecture()}`);
    if (!(await findProgram('gcc'))) await installGcc();
    // Static like the real one: the agent closes and forks as if it were alone in its process.
    const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
    return gcc('gcc', ['-O2', '-g', '-fno-omit-frame-pointer', ...sanitizers], sanitizers);
  }
  if (purpose === 'development' && isOwn && (await findProgram('musl-gcc')))
    return gcc('musl-gcc', optimizeByGcc, ['-static', '-s', '-Wl,--build-id=none']);
  return zig(architecture);
}

export function ownArchitecture(): Architecture {
  const names: Partial<Record<string, Architecture>> = { x64: 'x86_64', arm64: 'aarch64', riscv64: 'riscv64' };
  const own = names[process.arch];
  if (!own) throw new Error(`no agent is built on ${process.arch}: use a machine with one of ${architectures.join(', ')}`);
  return own;
}

/**
 * Small where it costs nothing: every page of code is locked in the guest's memory. Measured: a fifth less code than -O2, and no slower;
 * -Os is another fifth less, and pipelined requests take twice as long.
 */
const optimizeByGcc = [
  '-O2',
  '-fno-inline-small-functions',
  '-fno-ipa-cp',
  '-fno-tree-vectorize',
  '-fno-align-functions',
  '-fno-align-loops',
  '-fno-align-jumps',
  '-fno-align-labels',
];

/** Measured: no larger than -O2 without inlining, and pipelined requests take three fifths of the time. */
const optimizeByClang = ['-Oz', '-fomit-frame-pointer'];

async function gcc(compiler: string, compile: string[], link: string[]): Promise<Toolchain> {
  const version = (await run(['gcc', '-dumpfullversion'])).trim();
  return { name: `${compiler}-${version}`, compiler, target: [], compile, link };
}

async function zig(architecture: Architecture): Promise<Toolchain> {
  const compiler = join(await fetchPackage(ziglang), 'ziglang', 'zig');
  await chmod(compiler, 0o755);
  return {
    name: `zig-${ziglang.version}-${architecture}`,
    compiler,
    target: ['cc', `--target=${architecture}-linux-musl`],
    compile: [...optimizeByClang, '-fno-sanitize=undefined'],
    link: ['-static', '-s'],
  };
}

async function installGcc(): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error('the agent with sanitizers is built by gcc: run "sudo apt-get install gcc libc6-dev" once, then this again');
  process.stderr.write('agent: installing gcc, which builds the agent with sanitizers\n');
  await aptGet(['install', '-y', '--no-install-recommends', 'gcc', 'libc6-dev']);
}
