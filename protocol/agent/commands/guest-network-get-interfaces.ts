/** guest-network-get-interfaces (QEMU 1.1): network interfaces, their addresses, and counters where they have one. */

import type { AgentCommand } from '../command.ts';
import { listReply, slowReadMs } from '../limits.ts';
import { asArray, asInteger, asObject, asString, noArguments, optional } from '../shape.ts';

export interface NetworkInterface {
  name: string;
  hardwareAddress: string | undefined;
  addresses: { address: string; type: string; prefix: number }[];
  /** Absent without an address, and from agents before QEMU 2.11. */
  statistics: { rxBytes: bigint; txBytes: bigint } | undefined;
}

export const networkGetInterfaces = {
  name: 'guest-network-get-interfaces',
  arguments: noArguments,
  reply: (value) =>
    asArray(value, 'return').map((each) => {
      const found = asObject(each, 'return[]');
      return {
        name: asString(found.name, 'name'),
        hardwareAddress: optional(found['hardware-address'], 'hardware-address', asString),
        addresses: (optional(found['ip-addresses'], 'ip-addresses', asArray) ?? []).map(asAddress),
        statistics: optional(found.statistics, 'statistics', (statistics) => {
          const counters = asObject(statistics, 'statistics');
          return {
            rxBytes: asInteger(counters['rx-bytes'], 'rx-bytes'),
            txBytes: asInteger(counters['tx-bytes'], 'tx-bytes'),
          };
        }),
      };
    }),
  effect: 'read',
  timeLimitMs: slowReadMs,
  maxReplyBytes: listReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, NetworkInterface[]>;

function asAddress(value: Parameters<typeof asObject>[0]): NetworkInterface['addresses'][number] {
  const address = asObject(value, 'ip-addresses[]');
  return {
    address: asString(address['ip-address'], 'ip-address'),
    type: asString(address['ip-address-type'], 'ip-address-type'),
    prefix: Number(asInteger(address.prefix, 'prefix')),
  };
}
