/** What is frozen, on a tmpfs: after an agent was killed with its guard, the next one reads here what it must thaw. */

import { CommandError } from '../command-error.ts';
import { deviceKey, mountAt } from '../mounts.ts';
import { SystemError, type FreezeTarget, type Platform } from '../platform.ts';
import { orUndefined } from '../system/call-errors.ts';
import type { Hook } from './hooks.ts';

export interface FreezeRecord {
  bootId: string;
  targets: FreezeTarget[];
  /** Hooks that ran with `freeze` and must run with `thaw`, in the order of freezing. */
  hooks: Hook[];
  /** Freezer and guard; a process is the same one only if its start time is the same too (proc(5), field 22). */
  processes: { pid: number; started: string }[];
}

const name = 'stillframe-freeze.json';

/** The mark that qemu-ga leaves while frozen: an agent that replaces a killed qemu-ga thaws what it left. */
const foreignMark = 'qga.state.isfrozen';

export interface Records {
  /**
   * @throws SystemError: a freeze that could not be undone after a crash must not begin
   * @throws CommandError when the record is on a filesystem to be frozen: it is written again during the freeze
   */
  write(record: FreezeRecord): void;
  remove(): void;
  /** What an earlier agent of this boot left; undefined when there is nothing, or when it cannot be read. */
  read(): FreezeRecord | 'foreign' | undefined;
}

export function createRecords(platform: Platform, stateDirectory: string, bootId: string): Records {
  const { files } = platform;
  const path = `${stateDirectory}/${name}`;
  const mark = `${stateDirectory}/${foreignMark}`;
  const remove = (which: string) => orUndefined(() => files.unlink(which));
  return {
    write(record) {
      const under = mountAt(platform, stateDirectory);
      const target = under && record.targets.find(({ device }) => deviceKey(device) === deviceKey(under.device));
      if (target)
        throw new CommandError(
          `the state directory ${stateDirectory} lies on ${target.path}, which is to be frozen: put it on a tmpfs (--statedir)`,
        );
      files.replaceText(path, JSON.stringify(record), 0o600);
    },
    remove() {
      remove(path);
      remove(mark);
    },
    read() {
      try {
        const record = JSON.parse(files.readText(path)) as FreezeRecord;
        if (record.bootId === bootId) return record;
        remove(path);
      } catch (error) {
        // A truncated record shows at least that a freeze was about to begin.
        if (!(error instanceof SystemError)) return 'foreign';
      }
      return orUndefined(() => files.status(mark)) !== undefined ? 'foreign' : undefined;
    },
  };
}
