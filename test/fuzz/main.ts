/**
 * `npm run fuzz -- agent [--messages N] [--seed N] [--minutes M] [--jobs N]`: hostile messages for our agent with sanitizers, in a
 * sandbox. `--replay FILE` sends what broke it once more; `--against FILE` compares its answers with those of a qemu-ga.
 */

import { readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAgent } from '../../infra/agent/build.ts';
import { messageOf } from '../../model/errors.ts';
import { compareAgents } from './compare.ts';
import { fuzz } from './fuzz.ts';
import { replay } from './replay.ts';
import { librariesHere, type Program } from './sandbox.ts';
import { stockProgram } from './stock.ts';
import { makeFolder } from '../support/folder.ts';

const usage = `usage: npm run fuzz -- agent [--messages N] [--seed N] [--minutes M] [--jobs N]
       npm run fuzz -- agent --replay FILE
       npm run fuzz -- agent --against FILE|stock [--messages N] [--seed N]
`;

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const say = (line: string) => process.stdout.write(`${line}\n`);

process.exit(await main());

async function main(): Promise<number> {
  const directory = await makeFolder();
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        messages: { type: 'string' },
        seed: { type: 'string' },
        minutes: { type: 'string' },
        jobs: { type: 'string', default: '1' },
        replay: { type: 'string' },
        against: { type: 'string' },
      },
    });
    if (positionals.join(' ') !== 'agent') throw new Error(`fuzz what? Only the agent can be.\n${usage}`);
    const seed = whole('seed', values.seed ?? String(Date.now() % 2 ** 31));
    const messages = values.messages === undefined ? undefined : whole('messages', values.messages);
    const binary = await buildAgent({ sanitize: true });
    const program = { path: binary, libraries: await librariesHere(binary) };
    if (values.replay) return await replayed(program, directory, values.replay);
    if (values.against) {
      const peer = values.against === 'stock' ? await stockProgram() : await programAt(values.against);
      return await compared({ program, peer, directory, seed, messages: messages ?? 100_000 });
    }
    const minutes = values.minutes === undefined ? undefined : whole('minutes', values.minutes);
    const jobs = Math.min(whole('jobs', values.jobs), availableParallelism());
    return await fuzzed({ program, directory, seed, jobs, messages: messages ?? (minutes ? Infinity : 1_000_000), minutes });
  } catch (error) {
    process.stderr.write(`fuzz: ${messageOf(error)}\n`);
    return 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function whole(name: string, text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new Error(`--${name} ${JSON.stringify(text)} is not a whole number`);
  return Number(text);
}

async function programAt(path: string): Promise<Program> {
  return { path, libraries: await librariesHere(path) };
}

interface Run {
  program: Program;
  directory: string;
  seed: number;
  messages: number;
}

async function fuzzed({
  program,
  directory,
  seed,
  jobs,
  messages,
  minutes,
}: Run & { jobs: number; minutes: number | undefined }) {
  const began = performance.now();
  const untilMs = minutes === undefined ? Infinity : began + minutes * 60_000;
  say(`fuzzing with seed ${seed}${jobs > 1 ? ` to ${seed + jobs - 1}` : ''}`);
  const results = await Promise.all(
    Array.from({ length: jobs }, (_, job) =>
      fuzz({
        program,
        directory: join(directory, String(job)),
        findings: 'dist/fuzz',
        seed: seed + job,
        messages: Math.ceil(messages / jobs),
        untilMs,
        signal: stop.signal,
      }),
    ),
  );
  const seconds = (performance.now() - began) / 1000;
  const sum = (of: 'messages' | 'bytes') => results.reduce((total, result) => total + result[of], 0);
  say(
    `${sum('messages')} messages, ${sum('bytes')} bytes, in ${seconds.toFixed(1)} s: ${Math.round(sum('messages') / seconds)} a second`,
  );
  for (const { residentKiB } of results)
    say(`resident with sanitizers: ${residentKiB.early} KiB early, ${residentKiB.most} KiB at most`);
  const findings = results.flatMap(({ finding }) => finding ?? []);
  for (const { why, file } of findings) say(`FOUND: ${why}\nreplay it with: npm run fuzz -- agent --replay ${file}`);
  if (findings.length === 0) say('nothing found');
  return findings.length === 0 ? 0 : 1;
}

async function replayed(program: Program, directory: string, file: string): Promise<number> {
  const found = await replay(program, join(directory, 'replay'), await readFile(file));
  say(found === undefined ? 'it did not break' : `FOUND: ${found}`);
  return found === undefined ? 0 : 1;
}

async function compared(options: Run & { peer: Program }): Promise<number> {
  say(`comparing with seed ${options.seed}`);
  const { compared: count, known, differences } = await compareAgents({ ...options, signal: stop.signal });
  say(`${count} messages compared; answers that differ for a listed reason:`);
  for (const [reason, times] of known) say(`  ${times} × ${reason}`);
  for (const { sent, ours, theirs } of differences) say(`DIFFERENT: ${sent}\n  ours: ${ours}\n  peer: ${theirs}`);
  if (differences.length === 0) say('no other difference');
  return differences.length === 0 ? 0 : 1;
}
