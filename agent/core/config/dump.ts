/** `--dump-conf`: the settings in force, in qemu-ga's order and form; our additions follow where they differ from the default. */

import { defaultSettings, type Settings } from './settings.ts';

export function dumpSettings(settings: Settings): string {
  const optional = (key: string, value: string | undefined) => (value === undefined ? [] : [`${key}=${value}`]);
  return [
    '[general]',
    `daemon=${settings.daemonize}`,
    `method=${settings.method}`,
    ...optional('path', settings.path),
    ...optional('logfile', settings.logFile),
    `pidfile=${settings.pidFile}`,
    ...optional('fsfreeze-hook', settings.hook),
    `statedir=${settings.stateDirectory}`,
    `verbose=${settings.verbose}`,
    `retry-path=${settings.retryPath}`,
    `block-rpcs=${settings.blocked.join()}`,
    `allow-rpcs=${settings.allowed.join()}`,
    ...(settings.also.length > 0 ? [`also=${settings.also.join()}`] : []),
    ...(settings.freezeOnly ? ['freeze-only=true'] : []),
    ...(settings.leaseSeconds === defaultSettings().leaseSeconds ? [] : [`lease=${settings.leaseSeconds}`]),
    '',
  ].join('\n');
}
