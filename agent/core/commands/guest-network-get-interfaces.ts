/** guest-network-get-interfaces: interfaces with their addresses, and with counters where they have an address. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Command } from '../command.ts';
import type { Platform } from '../platform.ts';
import { parseNetDev } from '../system/net-dev.ts';
import { asCommandError, orUndefined } from '../system/call-errors.ts';

export const networkGetInterfaces: Command = {
  takes: {},
  run({ platform }) {
    const statistics = parseNetDev(orUndefined(() => platform.files.readText('/proc/net/dev')) ?? '');
    return [...merge(platform)].map(([name, { hardware, addresses }]) => {
      const counters = statistics.get(name);
      return {
        name,
        ...(hardware !== undefined && { 'hardware-address': hardware }),
        ...(addresses.length > 0 && { 'ip-addresses': addresses }),
        ...(addresses.length > 0 && counters && { statistics: counters }),
      };
    });
  },
};

/** In the order of getifaddrs(3), which lists an interface once for each of its addresses. */
function merge({ kernel }: Platform): Map<string, { hardware: string | undefined; addresses: JsonObject[] }> {
  const merged = new Map<string, { hardware: string | undefined; addresses: JsonObject[] }>();
  for (const { interface: name, hardware, address, family, prefix } of asCommandError('getifaddrs failed', () =>
    kernel.interfaces(),
  )) {
    const known = merged.get(name) ?? { hardware: undefined, addresses: [] };
    merged.set(name, known);
    known.hardware ??= hardware;
    if (address !== undefined && family !== undefined)
      known.addresses.push({
        'ip-address': address,
        'ip-address-type': family,
        ...(prefix !== undefined && { prefix }),
      });
  }
  return merged;
}
