/** The freeze state of all guests: a table or JSON, and the exit status that says whether somebody must act. */

import type { FleetStatus } from '../../client/guest-status.ts';
import { messageOf, type ErrorCode } from '../../model/errors.ts';
import { freezeVerdict, type FreezeVerdict } from '../../model/guest/freeze-verdict.ts';
import { formatDuration } from '../../model/units.ts';
import type { Context } from '../context.ts';
import { causesOf, codeOf, exit } from '../exit.ts';
import { printJson } from './json.ts';
import { renderTable } from './table.ts';
import { formatTime } from './text.ts';

/** Somebody must act on these. */
const alarming = new Set<FreezeVerdict>(['stray', 'overdue']);

export function printFleet(context: Context, fleet: readonly FleetStatus[], { json }: { json: boolean }): void {
  const rows = fleet.map((each) => ({ ...each, verdict: each.status ? freezeVerdict(each.status) : listedVerdict(each) }));
  if (rows.some(({ verdict }) => alarming.has(verdict))) context.process.exitCode = exit.error;
  else if (rows.some(({ verdict }) => verdict === 'unknown')) context.process.exitCode = exit.notRunning;
  if (json) {
    return printJson(
      context,
      rows.map(({ guest, host, status, error, verdict }) => {
        const { command: _, ...known } = { command: undefined, agent: null, window: null, ...status };
        const unanswered = status ? status.unanswered : { code: errorCode(error), message: messageOf(lastOf(error)) };
        return { guest: guest.id, name: guest.name, host, verdict, ...known, ...(unanswered && { unanswered }) };
      }),
    );
  }
  const width = context.isTTY ? context.columns : undefined;
  context.process.stdout.write(renderTable(['NAME', 'HOST', 'STATE', 'SINCE', 'BY', 'OWED'], rows.map(cells), { width }));
}

/** Of a guest that could not be asked: its host may have announced what its last sweep found. */
function listedVerdict({ guest }: FleetStatus): FreezeVerdict {
  return guest.strayFoundAt === undefined ? 'unknown' : 'stray';
}

function cells({ guest, host, status, error, verdict }: FleetStatus & { verdict: FreezeVerdict }): string[] {
  const window = status?.window ?? null;
  const foundAt = status?.strayFoundAt ?? (status ? undefined : guest.strayFoundAt);
  const silent = status === null ? (errorCode(error) ?? 'unexpected') : status.unanswered?.code;
  const said = status?.agent ?? (verdict === 'stray' ? 'frozen when last seen' : null);
  const state = [said, silent && `no answer (${silent})`].filter((each) => each).join(', ');
  if (window) {
    const left = window.remainingMs;
    const owed =
      left === undefined
        ? 'a thaw'
        : left < 0
          ? `a thaw, overdue by ${formatDuration(-left)}`
          : `a thaw in ${formatDuration(left)}`;
    return [guest.name, host, state, formatTime(window.openedAt), `backup ${window.backup}, epoch ${window.epoch}`, owed];
  }
  const leaseMs = status?.lease?.remainingMs ?? null;
  const by = { stray: 'another program', leased: 'another client of its agent' }[verdict as string] ?? '';
  const owed = verdict === 'leased' ? `its agent thaws in ${formatDuration(leaseMs!)}` : verdict === 'stray' ? 'nothing' : '';
  return [guest.name, host, state, foundAt === undefined ? '' : `before ${formatTime(foundAt)}`, by, owed];
}

function errorCode(error: unknown): ErrorCode | null {
  return (
    causesOf(error)
      .map(codeOf)
      .find((code) => code !== undefined) ?? null
  );
}

/** The innermost cause is ours; those around it say only that a workflow and an activity failed. */
function lastOf(error: unknown): unknown {
  return causesOf(error).at(-1) ?? error;
}
