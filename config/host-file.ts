/** Reads a host's file: YAML 1.2, checked to the last key, every problem with its place. */

import { readFile } from 'node:fs/promises';
import { isAbsolute, normalize } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import type { GuestSource, HostConfig } from '../host/config.ts';
import { errnoOf } from '../lib/errno.ts';
import { demandOwn, WritableByOthersError } from '../lib/strict-modes.ts';
import { StillframeError, messageOf } from '../model/errors.ts';
import { strayPolicies } from '../model/guest/stray-freeze.ts';
import { guestId, hostId, idPattern } from '../model/ids.ts';
import { defaultWindowLimits, longestLeaseMs, mostPerHour } from '../model/window/lease.ts';
import { durationForm, parseDuration, parseSize, sizeForm } from '../model/units.ts';
import { placeOf, problemsOf, reportProblems, type Problem, type Source } from './problems.ts';

/** What a guest may write between the scratch threshold's event and our abort: a quarter second at 1 GiB/s. */
const defaultMarginBytes = 256 * 2 ** 20;

/** sockaddr_un.sun_path has 108 bytes with its final zero (unix(7)). */
const longestSocketPath = 107;

/**
 * The host's file at `path`, with defaults filled in.
 * @throws config-invalid (facts: file, line, column, key) naming every problem with line, key, value and what is expected.
 */
export async function readHostConfig(path: string): Promise<HostConfig> {
  return parseHostConfig(path, await readText(path));
}

/** As readHostConfig, for a text that is at hand; `path` is what errors call it. */
export function parseHostConfig(path: string, text: string): HostConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const source: Source = { path, document, lines };
  const [broken] = document.errors;
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0]);
    reportProblems(source, [{ line, column: col, key: '', text: `not valid YAML: ${broken.message}` }]);
  }
  const parsed = hostFile.safeParse(document.toJS());
  if (!parsed.success) reportProblems(source, problemsOf(source, parsed.error.issues));
  const file = parsed.data!;
  const clashes = clashesOf(source, file.guests);
  if (clashes.length > 0) reportProblems(source, clashes);
  return {
    host: file.host,
    guests: file.guests,
    limits: { ...defaultWindowLimits, ...file.limits },
    scratch: {
      path: file.scratch.path,
      limitBytes: file.scratch.limit,
      marginBytes: file.scratch.margin ?? defaultMarginBytes,
      ...(file.scratch.reserve === 'partial' && { mayRunOut: true }),
    },
    strayFreezes: file.strayFreezes ?? 'report',
    repositories: file.repositories ?? {},
    snapshots: file.snapshots ?? {},
  };
}

async function readText(path: string): Promise<string> {
  try {
    await demandOwn(path);
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof WritableByOthersError)
      throw new StillframeError(
        'config-invalid',
        `${path} says what may be done to guests, and is not used: ${cause.message}`,
        { file: path },
        cause,
      );
    const missing = errnoOf(cause) === 'ENOENT';
    throw new StillframeError(
      'config-invalid',
      missing
        ? `${path}: the host's file does not exist. Write one (docs/030-hosts-file.md has a complete example), or name another with --config FILE or STILLFRAME_CONFIG`
        : `${path}: the host's file cannot be read: ${messageOf(cause)}`,
      { file: path },
      missing ? undefined : cause,
    );
  }
}

/** A mapping with these keys and no others; the message for an unknown key lists those known (problems.ts reads it). */
function mapping<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(', ') : 'a mapping (key: value)'),
  });
}

const idForm = 'a name of letters, digits, "_", "." and "-", at most 63, that starts with a letter or digit';
const idText = z.string({ error: idForm }).regex(idPattern, { error: idForm });
const absolute = z.string({ error: 'an absolute path' }).refine((path) => isAbsolute(path), { error: 'an absolute path' });
const directory = absolute.transform((path) => normalize(path));

const socketForm = `the absolute path of a socket, at most ${longestSocketPath} bytes`;
const socket = z
  .string({ error: socketForm })
  .refine((path) => isAbsolute(path) && Buffer.byteLength(path) <= longestSocketPath, { error: socketForm })
  .transform((path) => normalize(path));

const patternForm = 'an absolute path with exactly one "*"';
const pattern = z
  .string({ error: patternForm })
  .refine((path) => isAbsolute(path) && path.split('*').length === 2, { error: patternForm });

function quantity(parse: (text: string) => number | undefined, form: string, least: number, most = Number.MAX_SAFE_INTEGER) {
  return z.union([z.string(), z.literal(0)], { error: form }).transform((value, context) => {
    const number = value === 0 ? 0 : parse(value);
    if (number !== undefined && number >= least && number <= most) return number;
    context.addIssue({ code: 'custom', message: form, input: value });
    return z.NEVER;
  });
}
const duration = quantity(parseDuration, `${durationForm}, or 0 for none`, 0);
const lease = quantity(parseDuration, `${durationForm}, at least 1ms and at most ${longestLeaseMs / 1000}s`, 1, longestLeaseMs);
const size = quantity(parseSize, sizeForm, 1);
const margin = quantity(parseSize, `${sizeForm}, or 0 for none`, 0);
const perHourForm = `a whole number up to ${mostPerHour}, or 0 for no limit`;

const carried = z.enum(['temporal', 'repository', 'scratch', 'journal'], {
  error: 'one of temporal, repository, scratch, journal',
});

const listedGuest = mapping({
  name: idText,
  id: idText.transform((text) => guestId(text.toLowerCase())).optional(),
  channel: socket,
  agentChannel: socket.optional(),
  monitor: socket,
  carries: z.array(carried, { error: 'a list' }).optional(),
}).transform((guest): GuestSource => ({ kind: 'listed', ...guest, id: guest.id, carries: guest.carries ?? [] }));

const foundGuests = mapping({
  find: mapping({ channel: pattern, agentChannel: pattern.optional(), monitor: pattern }),
}).transform(({ find }): GuestSource => ({
  kind: 'found',
  channelPattern: find.channel,
  agentChannelPattern: find.agentChannel,
  monitorPattern: find.monitor,
}));

const limits = mapping({
  lease: lease.optional(),
  leaseCap: lease.optional(),
  gap: duration.optional(),
  perHour: z.int({ error: perHourForm }).min(0, { error: perHourForm }).max(mostPerHour, { error: perHourForm }).optional(),
}).transform((given, context) => {
  const leaseCapMs = given.leaseCap ?? defaultWindowLimits.leaseCapMs;
  const leaseMs = given.lease ?? Math.min(defaultWindowLimits.leaseMs, leaseCapMs);
  if (leaseMs > leaseCapMs) {
    context.addIssue({
      code: 'custom',
      path: ['lease'],
      message: `at most limits.leaseCap (${leaseCapMs} ms)`,
      input: given.lease,
    });
    return z.NEVER;
  }
  return {
    leaseMs,
    leaseCapMs,
    gapMs: given.gap ?? defaultWindowLimits.gapMs,
    perHour: given.perHour ?? defaultWindowLimits.perHour,
  };
});

const argumentForm = 'a command as a list: its program, then its arguments';
const command = z.array(z.string({ error: 'a string' }), { error: argumentForm }).min(1, { error: argumentForm });

const reserve = z.enum(['full', 'partial'], { error: 'one of full, partial' });

const hostFile = mapping({
  host: idText.transform(hostId),
  guests: z.array(
    z.union([listedGuest, foundGuests], { error: 'a guest: a mapping with name, channel and monitor, or with find' }),
    { error: 'a list of guests' },
  ),
  limits: limits.optional(),
  scratch: mapping({ path: directory, limit: size.optional(), margin: margin.optional(), reserve: reserve.optional() }),
  strayFreezes: z.enum(strayPolicies, { error: `one of ${strayPolicies.join(', ')}` }).optional(),
  repositories: z.record(idText, directory, { error: 'a mapping of names to directories' }).optional(),
  snapshots: z.record(idText, command, { error: 'a mapping of names to commands' }).optional(),
});

/** Two guests with one name, id or socket: a request for one of them would reach the other. */
function clashesOf(source: Source, guests: GuestSource[]): Problem[] {
  const seen = new Map<string, { owner: string; key: string; line: number }>();
  const clashes: Problem[] = [];
  for (const [index, guest] of guests.entries()) {
    const claims = claimsOf(guest);
    for (const { key, what, value } of claims) {
      const place = placeOf(source, ['guests', index, ...key.split('.')]);
      const owner = guest.kind === 'listed' ? `guest "${guest.name}"` : 'the guests found here';
      const first = seen.get(`${what} ${value}`);
      if (!first) {
        seen.set(`${what} ${value}`, { owner, key, line: place.line });
        continue;
      }
      const shown = `guests[${index}].${key}`;
      const text = `${owner} has the same ${what} "${value}" as ${first.owner} (its ${first.key}, line ${first.line}); each guest has its own`;
      clashes.push({ ...place, key: shown, text });
    }
  }
  return clashes;
}

interface Claim {
  key: string;
  what: 'name' | 'id' | 'socket';
  value: string;
}

function claimsOf(guest: GuestSource): Claim[] {
  const claims: (Omit<Claim, 'value'> & { value: string | undefined })[] =
    guest.kind === 'found'
      ? [
          { key: 'find.channel', what: 'socket', value: guest.channelPattern },
          { key: 'find.agentChannel', what: 'socket', value: guest.agentChannelPattern },
          { key: 'find.monitor', what: 'socket', value: guest.monitorPattern },
        ]
      : [
          { key: 'name', what: 'name', value: guest.name },
          { key: 'id', what: 'id', value: guest.id },
          { key: 'channel', what: 'socket', value: guest.channel },
          { key: 'agentChannel', what: 'socket', value: guest.agentChannel },
          { key: 'monitor', what: 'socket', value: guest.monitor },
        ];
  return claims.filter((claim): claim is Claim => claim.value !== undefined);
}
