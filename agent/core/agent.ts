/** One agent: its settings, its freeze, its commands; one state over all channels that it serves. */

import type { Agent, CommandEntry } from './command.ts';
import { commands as ordinary } from './commands/index.ts';
import { freezeCommands } from './commands/freezing.ts';
import type { Settings } from './config/settings.ts';
import { createFreezeControl } from './freeze/freeze.ts';
import { createRecords } from './freeze/record.ts';
import { createLog } from './log.ts';
import type { Platform } from './platform.ts';
import { createFileHandles } from './system/file-handles.ts';
import { createProcesses } from './system/processes.ts';
import { schemaVersion } from './version.ts';

/** @throws SystemError when the log file cannot be opened */
export function createAgent(platform: Platform, settings: Settings): Agent {
  const log = createLog(platform, { file: settings.logFile, verbose: settings.verbose });
  const { freezing } = platform;
  const bootId = readBootId(platform);
  const records = createRecords(platform, settings.stateDirectory, bootId);
  const freeze = freezing && createFreezeControl({ ...platform, freezing }, { log, records, hookPath: settings.hook, bootId });
  const commands = commandsOf(platform);
  const blocked = new Set(settings.blocked);
  const allowed = new Set(settings.allowed);
  const forFreezing = commandsForFreezing(commands);
  return {
    platform,
    settings,
    log,
    version: schemaVersion,
    commands,
    bootId,
    freeze,
    fileHandles: createFileHandles(platform, { log, stateDirectory: settings.stateDirectory }),
    processes: createProcesses(platform.children),
    isEnabled(name) {
      if (freeze && freeze.state() !== 'thawed') return commands.get(name)?.whileFrozen === true;
      if (settings.freezeOnly && !forFreezing.has(name)) return false;
      return !blocked.has(name) && (allowed.size === 0 || allowed.has(name));
    },
  };
}

export function commandsOf({ freezing }: Platform): ReadonlyMap<string, CommandEntry> {
  return freezing ? new Map([...ordinary, ...freezeCommands]) : ordinary;
}

/** What `--freeze-only` grants: the commands about freezes, what is allowed while frozen, and the list of filesystems, by which hosts grade a point. */
function commandsForFreezing(commands: ReadonlyMap<string, CommandEntry>): ReadonlySet<string> {
  const whileFrozen = [...commands].filter(([, entry]) => entry.whileFrozen).map(([name]) => name);
  return new Set([...freezeCommands.map(([name]) => name), ...whileFrozen, 'guest-get-fsinfo']);
}

function readBootId({ files }: Platform): string {
  try {
    return files.readText('/proc/sys/kernel/random/boot_id').trim();
  } catch {
    // Without /proc nothing can be frozen either.
    return 'unknown';
  }
}
