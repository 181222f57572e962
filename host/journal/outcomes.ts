/** The outcomes of one guest's windows: a file each, named by epoch, backup and attempt, and believed only when it holds just that. */

import { join } from 'node:path';
import { hostBootId, monotonicMs } from '../../lib/clock.ts';
import { makeDirectory, readBeginning, readJson, removeDurably, writeJson } from '../../lib/durable.ts';
import type { GuestId } from '../../model/ids.ts';
import { namesBelow } from './owed.ts';
import { windowIn, windowName, type WindowName } from './window-name.ts';
import { closingEvidences, thawedBys, type WindowOutcome } from '../../model/window/window.ts';

/**
 * An outcome behind the monotonic time of its writing, by which the limits are kept when the clock is set. The times come
 * first, so that counting windows reads the beginning of a record and never what a guest said.
 */
interface OutcomeRecord {
  closedMs: number;
  hostBoot: string;
  closedAt: string;
  outcome: WindowOutcome;
}

const headOfRecord = /^\{"closedMs":([\d.]+),"hostBoot":"([0-9a-f-]+)","closedAt":"([^"]+)",/;
/** Two numbers, a boot id and a date. */
const longestHead = 256;

/** More than the windows of a day at the default limits; older outcomes have been fetched long ago. */
const outcomesKept = 300;

/** Oldest first. */
export async function outcomesIn(directory: string): Promise<WindowName[]> {
  return (await namesBelow(directory))
    .map(windowIn)
    .filter((each) => each !== null)
    .toSorted((one, other) => one.epoch - other.epoch);
}

/** Null when there is none, or the file holds something else. */
export async function readOutcome(directory: string, guest: GuestId, key: WindowName): Promise<WindowOutcome | null> {
  try {
    const record = (await readJson(join(directory, windowName(key)))) as OutcomeRecord | undefined;
    return record && isOutcomeOf(record.outcome, guest, key) ? record.outcome : null;
  } catch {
    return null;
  }
}

function isOutcomeOf(outcome: WindowOutcome, guest: GuestId, { epoch, backup, attempt }: WindowName): boolean {
  return (
    outcome.guest === guest &&
    outcome.epoch === epoch &&
    outcome.backup === backup &&
    outcome.attempt === attempt &&
    thawedBys.includes(outcome.thawedBy) &&
    closingEvidences.includes(outcome.closing)
  );
}

/** Makes the directory where somebody removed it. */
export async function writeOutcome(directory: string, outcome: WindowOutcome): Promise<void> {
  const { closedAt } = outcome;
  const record: OutcomeRecord = { closedMs: monotonicMs(), hostBoot: hostBootId(), closedAt, outcome };
  await makeDirectory(directory);
  await writeJson(join(directory, windowName(outcome)), record);
}

export async function removeOldOutcomes(directory: string): Promise<void> {
  for (const old of (await outcomesIn(directory)).slice(0, -outcomesKept)) await removeDurably(join(directory, windowName(old)));
}

/** Milliseconds since the window of an outcome closed; null when its record cannot be read. */
export async function closedAgo(directory: string, key: WindowName): Promise<number | null> {
  try {
    const { closedMs, hostBoot, closedAt } = await readTimes(join(directory, windowName(key)));
    return hostBoot === hostBootId() ? monotonicMs() - closedMs : Math.max(0, Date.now() - Date.parse(closedAt));
  } catch {
    return null;
  }
}

/** The times of a record; earlier versions wrote the outcome first. */
async function readTimes(path: string): Promise<Omit<OutcomeRecord, 'outcome'>> {
  const head = headOfRecord.exec(await readBeginning(path, longestHead));
  if (head) return { closedMs: Number(head[1]), hostBoot: head[2]!, closedAt: head[3]! };
  const { outcome, ...times } = (await readJson(path)) as OutcomeRecord;
  return { ...times, closedAt: outcome.closedAt };
}
