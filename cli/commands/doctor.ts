/** `stillframe doctor`: checks whether this machine is fit, and says how to fix what is not. */

import type { Finding } from '../../model/doctor.ts';
import { serverArgs, type ServerFlags } from '../../client/settings.ts';
import { command } from '../command.ts';
import type { Context } from '../context.ts';
import { askEntry } from '../entry.ts';
import { exit } from '../exit.ts';
import { serverFlags, configFlag, configOf, jsonFlag, stateFlag, stateOf } from '../flags.ts';
import { printJson } from '../render/json.ts';
import { escapeText } from '../../lib/escape.ts';

interface Flags extends ServerFlags {
  config?: string;
  state?: string;
  json: boolean;
}

const checkWidth = 12;

export const doctor = command({
  docs: {
    brief: 'Check this machine: Node, Temporal, sockets, journal, clock, disk space',
    fullDescription:
      "Check this machine: Node, tools, Temporal, the host's file, sockets and their clients, journal, clock, disk space. Each\nline says ok, warn or fail, and how to fix it. The exit status is 1 when anything fails.",
  },
  parameters: { flags: { config: configFlag, state: stateFlag, ...serverFlags, json: jsonFlag } },
  async func(this: Context, flags: Flags) {
    const findings: Finding[] = [];
    const args = ['--config', configOf(this, flags.config), '--state', stateOf(this, flags.state)];
    const status = await askEntry(this, 'doctor', [...args, ...serverArgs(flags)], (line) => {
      findings.push(line as Finding);
      if (!flags.json) this.process.stdout.write(render(line as Finding));
    });
    if (flags.json) printJson(this, findings);
    if (status !== 0 || findings.some(({ result }) => result === 'fail')) this.process.exitCode = exit.error;
  },
});

function render({ check, result, found, wayOut }: Finding): string {
  const indent = ' '.repeat(checkWidth + 6);
  const lines = found.split('\n').map(escapeText).join(`\n${indent}`);
  const way = wayOut === '' ? '' : `${indent}→ ${escapeText(wayOut)}\n`;
  return `${result.padEnd(4)}  ${check.padEnd(checkWidth)}${lines}\n${way}`;
}
