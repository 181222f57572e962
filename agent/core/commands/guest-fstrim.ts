/** guest-fstrim: reports unused blocks to the host, one filesystem after the other; failures are reported beside the rest. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Command } from '../command.ts';
import { ENOTTY, EOPNOTSUPP } from '../errno.ts';
import { blockFilesystems } from '../mounts.ts';
import { SystemError } from '../platform.ts';
import { asCommandError } from '../system/call-errors.ts';

/** Proxmox waits this long: a large disk takes minutes. */
const trimLimitMs = 600_000;

export const fstrim: Command = {
  takes: { minimum: { type: 'integer', optional: true } },
  async run({ platform, log }, args) {
    log.audit('guest-fstrim called');
    const paths = asCommandError('failed to open mount table', () => blockFilesystems(platform))
      .map(({ mountPoint }) => mountPoint)
      .toReversed();
    // The kernel's field is unsigned.
    const minimum = BigInt.asUintN(64, BigInt((args.minimum ?? 0) as number | bigint));
    const results = await platform.kernel.trim(paths, minimum, trimLimitMs);
    return { paths: paths.map((path, index) => ({ path, ...tell(results[index]!) })) };
  },
};

/** Filesystems give the first; devices that cannot discard (a CD) give the second. */
const notSupported = [EOPNOTSUPP, ENOTTY];

function tell(result: { trimmed: bigint; minimum: bigint } | SystemError): JsonObject {
  if (!(result instanceof SystemError)) return { trimmed: result.trimmed, minimum: result.minimum };
  return { error: notSupported.includes(result.errno) ? 'trim not supported' : `failed to trim: ${result.message}` };
}
