/** The one freeze that an agent may hold, over all its channels: hooks, freeze, lease, thaw, hooks; and the thaw on every path to an end. */

import { CommandError } from '../command-error.ts';
import type { Log } from '../log.ts';
import type { Freezing, Platform } from '../platform.ts';
import { findHooks, runHook, type HookResult } from './hooks.ts';
import { planFreeze } from './plan.ts';
import type { FreezeRecord, Records } from './record.ts';
import { recover, untilGone } from './recover.ts';
import { foreignMountPoints, frozenReport, heldMountPoints, refuseUnlessFrozen, thawedReport } from './report.ts';
import type { Freeze, FreezeRequest, FreezeState, FrozenReport, ThawedReport } from './types.ts';

export interface FreezeControl {
  /** Anything but `thawed`: something is frozen by this agent, or can still become so. */
  state(): FreezeState;
  /** What is held now. */
  held(): { epoch: number | undefined; remainingMs: number | undefined; mountPoints: string[] };
  /** Frozen by another program, as found at the last freeze. */
  foreign(): string[];
  /** Freezes all or nothing. @throws CommandError, SystemError; nothing is frozen then */
  freeze(request: FreezeRequest): Promise<FrozenReport>;
  /** How the last freeze ended; undefined before the first, and while one lasts. */
  last(): ThawedReport | undefined;
  /** Ends the freeze that is held, whichever client requested it; undefined when there was none. @throws CommandError when the kernel does not thaw in time; the thaw continues */
  thaw(): Promise<ThawedReport | undefined>;
  /** Thaws what a previous agent left frozen. */
  takeOver(): void;
}

export interface FreezeParts {
  log: Log;
  records: Records;
  hookPath: string | undefined;
  bootId: string;
}

/** Below the ten seconds that hosts allow for a thaw, so that they get the reason instead of no reply. */
const thawLimitMs = 8_000;

/** A guard wakes at the deadline and FITHAW takes milliseconds: one that still holds a freeze after this is stopped or stuck. */
const guardGraceMs = 500;

export function createFreezeControl(platform: Platform & { freezing: Freezing }, parts: FreezeParts): FreezeControl {
  const { log, records, hookPath, bootId } = parts;
  const { clock, freezing } = platform;
  let state: FreezeState = 'thawed';
  let current: Freeze | undefined;
  let last: ThawedReport | undefined;
  let foreign: string[] = [];
  let takingOver: Promise<undefined> | undefined;

  async function freeze(request: FreezeRequest): Promise<FrozenReport> {
    const startedMs = clock.bootMs();
    const mine: Freeze = {
      request,
      plan: planFreeze(platform, request.mountPoints),
      deadlineMs: request.leaseMs === undefined ? undefined : startedMs + request.leaseMs,
      startedMs,
      hooks: [],
      held: undefined,
      ending: false,
      leaseFired: false,
      over: Promise.withResolvers(),
    };
    foreign = [];
    if (mine.plan.filesystems.length === 0) {
      last = thawedReport(mine, 0);
      return frozenReport(mine, []);
    }
    current = mine;
    state = 'freezing';
    log.hold();
    if (request.leaseMs !== undefined) void mine.over.promise.then(clock.after(request.leaseMs, () => expire(mine)));
    try {
      const hooks = await runFreezeHooks(mine);
      await freezeAll(mine);
      const report = frozenReport(mine, hooks);
      if (report.filesystems.some(({ outcome }) => outcome === 'frozen')) state = 'frozen';
      else await end(mine);
      return report;
    } catch (error) {
      await end(mine);
      throw error;
    }
  }

  async function runFreezeHooks(mine: Freeze): Promise<HookResult[]> {
    const results: HookResult[] = [];
    for (const hook of hookPath === undefined ? [] : findHooks(platform, hookPath)) {
      mine.hooks.push(hook);
      const result = await runHook(platform, hook, 'freeze', factsOf(mine));
      results.push(result);
      refuseIfEnding(mine);
      if (result.outcome !== 'success')
        throw new CommandError(`child process has failed to execute fsfreeze hook: ${result.detail} (${hook.name})`);
    }
    return results;
  }

  async function freezeAll(mine: Freeze): Promise<void> {
    const targets = mine.plan.filesystems;
    const record: FreezeRecord = { bootId, targets, hooks: mine.hooks, processes: [] };
    // On the tmpfs before the first filesystem freezes, and again with the processes that can still freeze after a crash.
    records.write(record);
    mine.startedMs = clock.bootMs();
    const held = freezing.start(targets, mine.deadlineMs);
    mine.held = held;
    void held.over.then(({ clean }) => closed(mine, clean));
    records.write({ ...record, processes: [...held.processes] });
    await Promise.race([held.settled, held.over]);
    refuseIfEnding(mine);
    // The guard starts after the freezer, and the record above may lack it. A stopped guard that is not recorded would undo a later freeze.
    records.write({ ...record, processes: [...held.processes] });
    refuseUnlessFrozen(mine);
    foreign = foreignMountPoints(mine);
  }

  function refuseIfEnding({ ending, leaseFired, held }: Freeze): void {
    if (leaseFired || held?.deadlinePassed())
      throw new CommandError('the lease ended before everything was frozen: nothing is frozen now');
    if (ending) throw new CommandError('the freeze was ended before everything was frozen: nothing is frozen now');
  }

  function expire(mine: Freeze): void {
    mine.leaseFired = true;
    demandThaw(mine);
  }

  /** A freeze whose hooks still run finds `ending` set by the next one. */
  function demandThaw(mine: Freeze): void {
    mine.ending = true;
    if (current !== mine || !mine.held) return;
    state = 'thawing';
    mine.held.thaw();
    clock.after(guardGraceMs, () => {
      const { held, plan } = mine;
      if (current === mine && plan.filesystems.some((_, index) => held?.target(index).state === 'frozen')) held?.giveUp();
    });
  }

  /** The guard has ended: either nothing is frozen any more, or it was killed and this process thaws. */
  async function closed(mine: Freeze, clean: boolean): Promise<void> {
    mine.ending = true;
    state = 'thawing';
    if (!clean) await recover(platform, mine.plan.filesystems, mine.held!.settled);
    mine.leaseFired ||= mine.held!.deadlinePassed();
    await finish(mine);
  }

  /** Every hook that ran with `freeze` runs with `thaw`, whatever happened in between. */
  async function finish(mine: Freeze): Promise<void> {
    const report = thawedReport(mine, mine.held ? Math.round(clock.bootMs() - mine.startedMs) : 0);
    log.release();
    if (mine.leaseFired) log.audit('the lease of a freeze ended: thawed');
    for (const hook of mine.hooks.toReversed()) {
      const result = await runHook(platform, hook, 'thaw', factsOf(mine));
      report.hooks.push(result);
      if (result.outcome !== 'success') log.note('critical', `thaw hook ${hook.name}: ${result.outcome}: ${result.detail}`);
    }
    records.remove();
    current = undefined;
    state = 'thawed';
    last = report;
    mine.over.resolve(report);
  }

  async function end(mine: Freeze): Promise<void> {
    if (mine.held) demandThaw(mine);
    else await finish(mine);
    await mine.over.promise;
  }

  async function within<T>(ended: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(thawLimitMs, () => {
      const names = heldMountPoints(current).join(', ') || 'the filesystems';
      late.reject(new CommandError(`the kernel still blocks the thaw of ${names}: they thaw as soon as it allows it`));
    });
    try {
      return await Promise.race([ended, late.promise]);
    } finally {
      cancel();
    }
  }

  async function recoverRecord(record: FreezeRecord | 'foreign'): Promise<undefined> {
    const { targets, hooks, processes } =
      record === 'foreign' ? { targets: planFreeze(platform, undefined).filesystems, hooks: [], processes: [] } : record;
    // A guard thaws at once when its agent dies. A stopped guard would undo a freeze of this agent when it continues.
    const lost = await recover(platform, targets, untilGone(platform, processes, guardGraceMs));
    for (const hook of hooks.toReversed()) await runHook(platform, hook, 'thaw', {});
    records.remove();
    log.release();
    const thawed = targets.length - lost.length;
    log.note('warning', `an earlier agent died while ${targets.length} filesystems were frozen: ${thawed} of them are thawed`);
    for (const { path } of lost)
      log.note(
        'critical',
        `no path leads to the filesystem that was mounted at ${path}: if it is frozen, only its unmount ends that`,
      );
    takingOver = undefined;
  }

  return {
    state: () => (takingOver ? 'thawing' : state),
    held: () => ({
      epoch: current?.request.epoch,
      remainingMs: current?.deadlineMs === undefined ? undefined : Math.max(0, Math.round(current.deadlineMs - clock.bootMs())),
      mountPoints: heldMountPoints(current),
    }),
    foreign: () => foreign,
    freeze,
    last: () => (current ? undefined : last),
    async thaw() {
      if (takingOver) return within(takingOver);
      if (!current) return undefined;
      demandThaw(current);
      return within(current.over.promise);
    },
    takeOver() {
      const record = records.read();
      if (record === undefined) return;
      log.hold();
      takingOver = recoverRecord(record);
    },
  };
}

/** For hooks that report why, or how much time they have. */
function factsOf({ request: { epoch, leaseMs } }: Freeze): Record<string, string> {
  return {
    ...(epoch !== undefined && { STILLFRAME_EPOCH: String(epoch) }),
    ...(leaseMs !== undefined && { STILLFRAME_LEASE_MS: String(leaseMs) }),
  };
}
