/** Progress: one redrawn line with bar, bytes and rate on a terminal; a plain line now and then without one. */

import { formatBytes } from '../../model/units.ts';
import type { Context } from '../context.ts';
import { escapeText } from '../../lib/escape.ts';

export interface Step {
  /** What is going on: `window`, `copy`, `restore`. */
  stage: string;
  /** Absent while there is nothing to count. */
  bytes?: { done: number; total: number; disk: string };
}

export interface Progress {
  show(step: Step): void;
  /** Takes the line off the terminal. */
  clear(): void;
}

/** Without a terminal, a line for each stage and each tenth: enough for a log, and no more. */
const plainStep = 0.1;
const barCells = 20;

export function createProgress(context: Pick<Context, 'process' | 'isTTY' | 'columns'>, now: () => number): Progress {
  const { stdout } = context.process;
  let stage: string | undefined;
  let tenth = 0;
  let first: { atMs: number; done: number } | undefined;

  return {
    show(step) {
      const changed = step.stage !== stage;
      if (changed) [stage, tenth, first] = [step.stage, 0, undefined];
      const { bytes } = step;
      if (bytes) first ??= { atMs: now(), done: bytes.done };
      const rate = bytes && first ? rateSince(first, bytes.done, now()) : undefined;
      if (context.isTTY) return stdout.write(`\r\u001b[K${fit(drawn(step, rate), context.columns - 1)}`);
      const reached = bytes && bytes.total > 0 ? Math.floor(bytes.done / bytes.total / plainStep) : 0;
      if (!changed && reached <= tenth) return;
      tenth = reached;
      stdout.write(`${plain(step, rate)}\n`);
    },
    clear() {
      if (context.isTTY) stdout.write('\r\u001b[K');
    },
  };
}

/** Bytes a second since the first count; undefined until time has passed. */
function rateSince(first: { atMs: number; done: number }, done: number, nowMs: number): number | undefined {
  const elapsed = nowMs - first.atMs;
  return elapsed > 0 && done > first.done ? ((done - first.done) / elapsed) * 1_000 : undefined;
}

function plain({ stage, bytes }: Step, rate: number | undefined): string {
  if (!bytes) return stage;
  const percent = bytes.total === 0 ? 100 : Math.floor((bytes.done / bytes.total) * 100);
  const speed = rate === undefined ? '' : `, ${formatBytes(rate)}/s`;
  return `${stage} ${escapeText(bytes.disk)}: ${percent}%, ${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}${speed}`;
}

function drawn(step: Step, rate: number | undefined): string {
  const { stage, bytes } = step;
  if (!bytes) return `${stage} …`;
  const filled = bytes.total === 0 ? barCells : Math.floor((bytes.done / bytes.total) * barCells);
  const rest = plain(step, rate).slice(stage.length + 1);
  return `${stage} [${'#'.repeat(filled)}${'.'.repeat(barCells - filled)}] ${rest}`;
}

/** Whole parts only: half a number would be a wrong number. */
function fit(line: string, width: number): string {
  let fitting = line;
  while (fitting.length > width && fitting.includes(', ')) fitting = fitting.slice(0, fitting.lastIndexOf(', '));
  return fitting.slice(0, width);
}
