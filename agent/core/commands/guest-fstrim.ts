/** guest-fstrim: tells the host which blocks no filesystem uses, one filesystem after the other; what fails is told beside the rest. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Command } from '../command.ts';
import { ENOTTY, EOPNOTSUPP } from '../errno.ts';
import { blockFilesystems } from '../mounts.ts';
import { SystemError } from '../platform.ts';
import { asCommandError } from '../system/call-errors.ts';

/** As long as Proxmox waits: a big disk takes minutes. */
const trimLimitMs = 600_000;

export const fstrim: Command = {
  takes: { minimum: { type: 'integer', optional: true } },
  async run({ platform, log }, args) {
    log.audit('guest-fstrim called');
    const paths = asCommandError('failed to open mount table', () => blockFilesystems(platform))
      .map(({ mountPoint }) => mountPoint)
      .toReversed();
    // The kernel's field has no sign.
    const minimum = BigInt.asUintN(64, BigInt((args.minimum ?? 0) as number | bigint));
    const results = await platform.kernel.trim(paths, minimum, trimLimitMs);
    return { paths: paths.map((path, index) => ({ path, ...tell(results[index]!) })) };
  },
};

/** From filesystems the first, from what is none that could (a CD) the second. */
const notSupported = [EOPNOTSUPP, ENOTTY];

function tell(result: { trimmed: bigint; minimum: bigint } | SystemError): JsonObject {
  if (!(result instanceof SystemError)) return { trimmed: result.trimmed, minimum: result.minimum };
  return { error: notSupported.includes(result.errno) ? 'trim not supported' : `failed to trim: ${result.message}` };
}
