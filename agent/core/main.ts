/** The agent from its command line to its end. */

import { createAgent, commandsOf } from './agent.ts';
import type { Agent } from './command.ts';
import { dumpSettings } from './config/dump.ts';
import { helpText } from './config/help.ts';
import { readSettings } from './config/read.ts';
import { isMethod, SettingsError, type Settings } from './config/settings.ts';
import { isWritableByOthers, SystemError, type Channel, type ChannelEvents, type Platform } from './platform.ts';
import { createSession } from './session.ts';
import { orUndefined } from './system/call-errors.ts';
import { agentVersion, schemaVersion } from './version.ts';

/** Returns when everything is set up; then the platform's loop runs. */
export function runAgent(platform: Platform): void {
  const { process } = platform;
  try {
    const wanted = readSettings(platform);
    switch (wanted.kind) {
      case 'help':
        return say(platform, helpText);
      case 'version':
        return say(platform, `QEMU Guest Agent ${schemaVersion} (stillframe-agent ${agentVersion})\n`);
      case 'list-commands':
        return say(platform, `${[...commandsOf(platform).keys()].join('\n')}\n`);
      case 'dump':
        return say(platform, dumpSettings(wanted.settings));
      case 'run':
        return serve(platform, wanted.settings);
    }
  } catch (error) {
    if (!(error instanceof SettingsError) && !(error instanceof SystemError)) throw error;
    const hint = error instanceof SettingsError ? "\nTry 'stillframe-agent --help' for more information." : '';
    process.standardError(`stillframe-agent: ${error.message}${hint}\n`);
    process.exit(1);
  }
}

function say({ process }: Platform, text: string): void {
  process.standardOutput(text);
  process.exit(0);
}

/** @throws SettingsError, SystemError: the agent cannot start */
function serve(platform: Platform, settings: Settings): void {
  const { process, channels } = platform;
  const { method, stateDirectory } = settings;
  if (!isMethod(method)) throw new SettingsError(`unsupported channel method/type: ${method}`);
  const state = orUndefined(() => platform.files.status(stateDirectory));
  if (state?.kind !== 'directory')
    throw new SettingsError(`state directory ${stateDirectory} is not there: make it, or name another with --statedir`);
  if (isWritableByOthers(state))
    throw new SettingsError(
      `state directory ${stateDirectory} can be written by other users, who could forge what is frozen: run "chmod go-w ${stateDirectory}", or name another with --statedir`,
    );
  const agent = createAgent(platform, settings);
  process.onTerminate(() => void end(agent));
  const open = isActivated(platform)
    ? (events: ChannelEvents) => channels.inherited(events)
    : (events: ChannelEvents) => channels.open(method, settings.path!, events);
  keepOpen(agent, `${method} ${settings.path}`, open, settings.retryPath ? 'retry' : 'end');
  for (const path of settings.also) keepOpen(agent, path, (events) => channels.open('virtio-serial', path, events), 'retry');
  agent.freeze?.takeOver();
  if (settings.daemonize) {
    process.daemonize();
    process.writePidFile(settings.pidFile);
  }
}

/** qemu-ga waits this long for a path that does not exist. */
const retryMs = 5_000;

/** Serves one channel for as long as the agent lives. `end`: the caller reports the first failure to open, a later one ends the agent with status 0, as in qemu-ga. */
function keepOpen(agent: Agent, name: string, open: (events: ChannelEvents) => Channel, onFailure: 'retry' | 'end'): void {
  const { platform, log } = agent;
  let channel: Channel;
  const session = createSession(agent, () => channel);
  const attempt = () => {
    channel = open({
      ...session,
      failed(error) {
        log.note('critical', `channel ${name}: ${error.message}`);
        channel.close();
        session.clientChanged(false);
        if (onFailure === 'end') void end(agent);
        else platform.clock.after(retryMs, again);
      },
    });
  };
  const again = () => {
    try {
      attempt();
    } catch (error) {
      if (!(error instanceof SystemError) || onFailure === 'end') throw error;
      log.note('warning', `channel ${name}: ${error.message}; trying again in ${retryMs / 1000} s`);
      platform.clock.after(retryMs, again);
    }
  };
  again();
}

/** Thaws first, whatever caused the end. */
async function end({ freeze, log, platform }: Agent): Promise<void> {
  try {
    await freeze?.thaw();
  } catch (error) {
    // The guard stays until the kernel has thawed; nothing that this process can do would be quicker.
    log.note('critical', error instanceof Error ? error.message : String(error));
  }
  platform.process.exit(0);
}

/** Whether systemd passed a socket to this process (sd_listen_fds(3)). @throws SettingsError for more than one */
function isActivated({ process }: Platform): boolean {
  if (process.environment.LISTEN_PID !== String(process.pid)) return false;
  const count = Number(process.environment.LISTEN_FDS);
  if (count > 1) throw new SettingsError(`${count} sockets were passed (LISTEN_FDS): one is served`);
  return count === 1;
}
