/** `npm run faults -- --kills N --seed S --report FILE`: a random campaign of faults on real parts, which goes on where its report stops. */

import { parseArgs } from 'node:util';
import { messageOf } from '../../../model/errors.ts';
import { runCampaign } from './campaign.ts';
import { openReport, saveReport } from './report.ts';
import { campaignLeaseMs } from './site.ts';

const usage = 'usage: npm run faults -- --kills N --seed S --report FILE';
/** Of each agent: as many as two cores emulate without starving one another. */
const guestsOfEach = 2;

const wanted = read();
const over = new AbortController();
process.on('SIGINT', () => over.abort()).on('SIGTERM', () => over.abort());
try {
  const report = await openReport(wanted.report, wanted.seed, campaignLeaseMs);
  if (report.rounds > 0) say(`goes on after round ${report.rounds} of ${wanted.report}, with ${report.kills} kills`);
  await runCampaign({
    report,
    kills: wanted.kills,
    guestsOfEach,
    evidence: `${wanted.report}.evidence`,
    signal: over.signal,
    say,
    save: () => saveReport(wanted.report, report),
  });
  say(JSON.stringify({ ...report, findings: report.findings.length }, null, 2));
  process.exitCode = report.findings.length === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`faults: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
process.exit();

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function read(): { kills: number; seed: number; report: string } {
  try {
    const { values } = parseArgs({
      options: { kills: { type: 'string' }, seed: { type: 'string' }, report: { type: 'string' } },
    });
    return { kills: whole('--kills', values.kills), seed: whole('--seed', values.seed), report: named(values.report) };
  } catch (error) {
    process.stderr.write(`faults: ${messageOf(error)}\n${usage}\n`);
    process.exit(2);
  }
}

function whole(flag: string, text: string | undefined): number {
  const number = Number(text);
  if (text === undefined || !Number.isSafeInteger(number) || number < 1)
    throw new Error(`${flag} is ${text === undefined ? 'missing' : JSON.stringify(text)}: give a whole number from 1`);
  return number;
}

function named(report: string | undefined): string {
  if (report === undefined)
    throw new Error('--report is missing: it names the file that the figures go to, and where a campaign goes on');
  return report;
}
