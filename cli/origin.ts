/** Who vouches for a restore point, by the keys that this reader trusts; and the refusal of one for which nobody does. */

import { join } from 'node:path';
import { exists } from '../lib/durable.ts';
import { StillframeError } from '../model/errors.ts';
import type { RestorePoint } from '../model/point/point.ts';
import type { Origin, TrustedKeys } from '../repository/signature.ts';
import type { Context } from './context.ts';
import { stateFlag, stateOf } from './flags.ts';

/** In the state directory: keys of other hosts whose points are restored on this one. */
const trustedHostsFile = 'trusted-hosts';

export const trustFlags = {
  trust: {
    kind: 'parsed',
    parse: (input: string) => input,
    optional: true,
    placeholder: 'FILE',
    brief: `Public keys of hosts that are trusted [STILLFRAME_TRUST, else host-key.pub and ${trustedHostsFile} in the state directory]`,
  },
  state: stateFlag,
} as const;

export interface TrustFlags {
  trust?: string;
  state?: string;
}

/** @throws input-invalid, WritableByOthersError */
export async function trustedKeysOf(context: Context, flags: TrustFlags): Promise<TrustedKeys> {
  const { publicKeyFile, readTrustedKeys } = await import('../repository/signature.ts');
  const named = flags.trust ?? (context.process.env['STILLFRAME_TRUST'] || undefined);
  if (named !== undefined) return readTrustedKeys([named]);
  const usual = [publicKeyFile, trustedHostsFile].map((name) => join(stateOf(context, flags.state), name));
  // The state directory is its user's: another user has no keys there.
  const there = await Promise.all(usual.map((path) => exists(path).catch(() => false)));
  return readTrustedKeys(usual.filter((_, index) => there[index]));
}

/** For a table. */
export function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'proven':
      return origin.host;
    case 'unsigned':
      return 'unsigned';
    case 'unknown-key':
      return 'unknown key';
    case 'other-host':
      return "another host's key";
    case 'altered':
      return 'ALTERED';
  }
}

/** A grade is what the manifest says: without a host that vouches for it, it is a claim. */
export function gradeText(point: RestorePoint, origin: Origin): string {
  return origin.kind === 'proven' ? point.grade : `${point.grade} (claimed, not proven)`;
}

/** What is known of the origin of a point, as a clause about it. */
export function originSentence(point: RestorePoint, origin: Origin): string {
  switch (origin.kind) {
    case 'proven':
      return `signed by host ${origin.host}`;
    case 'unsigned':
      return 'it has no signature';
    case 'unknown-key':
      return `it is signed by a key that is not trusted here (${origin.key}), and says that it is of host ${point.host}`;
    case 'other-host':
      return `it says that it is of host ${point.host}, and is signed by the key of another host (${origin.key})`;
    case 'altered':
      return 'its signature does not fit: it or the manifest was altered, or the point was brought here from another repository';
  }
}

/** @throws point-unproven */
export function demandProven(point: RestorePoint, origin: Origin): void {
  if (origin.kind === 'proven') return;
  const wayOut =
    origin.kind === 'unknown-key'
      ? 'name the public key of its host (host-key.pub in its state directory) with --trust, or take the point as it is with --unproven'
      : 'find out who writes into the repository and choose another point, or take this one as it is with --unproven';
  throw new StillframeError(
    'point-unproven',
    `nobody vouches for restore point ${point.id}: ${originSentence(point, origin)}; ${wayOut}`,
    { point: point.id, origin: origin.kind },
  );
}
