/** Which guests there may be: those that the host's file lists, and those whose sockets its patterns find. */

import { readdir } from 'node:fs/promises';
import { exists } from '../../../lib/durable.ts';
import type { FoundGuests, GuestSource, ListedGuest } from '../../config.ts';

/** Every guest with its sockets, whether or not its QEMU answers. */
export async function guestSources(sources: readonly GuestSource[]): Promise<ListedGuest[]> {
  const guests = await Promise.all(
    sources.map(async (source): Promise<ListedGuest[]> => {
      if (source.kind === 'listed') return [source];
      const names = await starsOf(source.monitorPattern);
      const perhaps = await Promise.all(names.map((name) => found(source, name)));
      const there = await Promise.all(perhaps.map(({ monitor }) => isThere(monitor)));
      return perhaps.filter((_, index) => there[index]);
    }),
  );
  const listed = new Set(sources.flatMap((source) => (source.kind === 'listed' ? [source.monitor] : [])));
  return guests
    .flat()
    .filter((guest, _, all) => !listed.has(guest.monitor) || all.find((each) => each.monitor === guest.monitor) === guest);
}

/** Not every guest has the second channel. */
async function found({ channelPattern, agentChannelPattern, monitorPattern }: FoundGuests, name: string): Promise<ListedGuest> {
  const of = (pattern: string) => pattern.replace('*', () => name);
  const agentChannel = agentChannelPattern === undefined ? undefined : of(agentChannelPattern);
  return {
    name,
    id: undefined,
    channel: of(channelPattern),
    agentChannel: agentChannel !== undefined && (await isThere(agentChannel)) ? agentChannel : undefined,
    monitor: of(monitorPattern),
    carries: [],
  };
}

/** What the one star of a pattern may stand for: a directory's name, or a part of a name. */
async function starsOf(pattern: string): Promise<string[]> {
  const slash = pattern.lastIndexOf('/', pattern.indexOf('*'));
  const [before = '', after = ''] = pattern.slice(slash + 1).split('*');
  const rest = after.indexOf('/');
  const suffix = rest < 0 ? after : after.slice(0, rest);
  const names = await readdir(pattern.slice(0, slash + 1)).catch(() => []);
  return names
    .filter((name) => name.startsWith(before) && name.endsWith(suffix) && name.length > before.length + suffix.length)
    .map((name) => name.slice(before.length, name.length - suffix.length))
    .toSorted();
}

/** A socket behind a directory that this process may not enter is none of its guests'. */
function isThere(path: string): Promise<boolean> {
  return exists(path).catch(() => false);
}
