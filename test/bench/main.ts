/** `npm run bench -- NAME --report FILE`: speed as ratios against a peer in the same run. */

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { messageOf } from '../../model/errors.ts';
import { benchWindow } from './window.ts';

const usage = 'usage: npm run bench -- window [--rounds N] [--report FILE]\n';

process.exit(await main());

async function main(): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { report: { type: 'string' }, rounds: { type: 'string', default: '60' } },
    });
    if (positionals.join() !== 'window') throw new Error(`there is no bench named ${JSON.stringify(positionals.join(' '))}`);
    const rounds = Number(values.rounds);
    if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds} is not a whole number from 1`);
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort(new Error('interrupted')));
    const report = await benchWindow({ rounds, signal: stop.signal, say: (line) => process.stdout.write(`${line}\n`) });
    if (values.report !== undefined) await writeFile(values.report, `${JSON.stringify(report, null, 2)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`bench: ${messageOf(error)}\n${usage}`);
    return 2;
  }
}
