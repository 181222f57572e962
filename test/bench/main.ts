/** `npm run bench -- NAME --report FILE`: speed as ratios against a peer in the same run. */

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { messageOf } from '../../model/errors.ts';
import { benchAgent } from './agent.ts';
import { benchNeighbours } from './neighbours.ts';
import { benchWindow } from './window.ts';

const benches = { window: benchWindow, agent: benchAgent, neighbours: benchNeighbours };
const usage = 'usage: npm run bench -- window|agent|neighbours --report FILE [--rounds N]\n';
const interrupted = 130;

process.exit(await main());

async function main(): Promise<number> {
  const wanted = readArguments();
  if (!wanted) return 2;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  stop.signal.addEventListener('abort', () =>
    process.stderr.write('bench: interrupted; ending the guest and everything else that was started\n'),
  );
  try {
    const { bench, rounds, file } = wanted;
    const report = await bench({ rounds, signal: stop.signal, say: (line) => process.stdout.write(`${line}\n`) });
    await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return interrupted;
    process.stderr.write(`bench: ${messageOf(error)}\n`);
    return 1;
  }
}

/** Undefined after a complaint. */
function readArguments(): { bench: (typeof benches)[keyof typeof benches]; rounds: number; file: string } | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { report: { type: 'string' }, rounds: { type: 'string', default: '60' } },
    });
    const name = positionals.join(' ');
    if (!Object.hasOwn(benches, name))
      throw new Error(name === '' ? 'which bench?' : `no bench is named ${JSON.stringify(name)}`);
    const rounds = Number(values.rounds);
    if (!Number.isInteger(rounds) || rounds < 1)
      throw new Error(`--rounds ${JSON.stringify(values.rounds)} is not a whole number from 1`);
    if (!values.report) throw new Error('--report is missing: it names the file that the figures go to');
    return { bench: benches[name as keyof typeof benches], rounds, file: values.report };
  } catch (error) {
    process.stderr.write(`bench: ${messageOf(error)}\n${usage}`);
    return undefined;
  }
}
