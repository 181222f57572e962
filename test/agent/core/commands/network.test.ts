/** guest-network-get-interfaces: addresses by interface, and their counters. */

import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import type { InterfaceAddress } from '../../../../agent/core/platform.ts';
import { kernel } from '../../../../agent/platform/node/kernel.ts';
import { systemError } from '../../../../agent/platform/node/system-error.ts';
import { networkGetInterfaces } from '../../../../protocol/agent/commands/guest-network-get-interfaces.ts';
import { onMachine } from './machine.ts';

suite('guest-network-get-interfaces', () => {
  const eth0 = { interface: 'eth0', hardware: '52:54:00:12:34:56' };
  const addresses: InterfaceAddress[] = [
    { interface: 'lo', hardware: '00:00:00:00:00:00' },
    eth0,
    { interface: 'tun0' },
    { interface: 'lo', address: '127.0.0.1', family: 'ipv4', prefix: 8 },
    { ...eth0, address: '192.0.2.1', family: 'ipv4', prefix: 24 },
    { ...eth0, address: 'fe80::1', family: 'ipv6', prefix: 64 },
    { interface: 'dummy0', hardware: '02:00:00:00:00:01' },
  ];
  const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 11 2 3 4 5 6 7 8 11 10 11 12 13 14 15 16
  eth0:18446744073709551615 1 0 0 0 0 0 0 2 3 4 5 0 0 0 0
dummy0: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1
`;

  it('guest-network-get-interfaces merges addresses by interface, and has counters where there is an address', async (t) => {
    const stage = onMachine(t, { '/proc/net/dev': netDev }, { kernel: { ...kernel, interfaces: () => addresses } });
    const found = await stage.ask(networkGetInterfaces, undefined);
    assert.deepEqual(
      found.map(({ name, hardwareAddress, addresses: ips }) => [
        name,
        hardwareAddress,
        ips.map(({ address, prefix }) => `${address}/${prefix}`),
      ]),
      [
        ['lo', '00:00:00:00:00:00', ['127.0.0.1/8']],
        ['eth0', '52:54:00:12:34:56', ['192.0.2.1/24', 'fe80::1/64']],
        ['tun0', undefined, []],
        ['dummy0', '02:00:00:00:00:01', []],
      ],
    );
    assert.deepEqual(
      found.map(({ statistics }) => statistics),
      [{ rxBytes: 11n, txBytes: 11n }, { rxBytes: 2n ** 64n - 1n, txBytes: 2n }, undefined, undefined],
    );
    const line = await stage.wire('guest-network-get-interfaces');
    assert.ok(line.includes('{"name": "tun0"}, {"name": "dummy0", "hardware-address": "02:00:00:00:00:01"}]'));
    assert.ok(
      line.includes(
        '"statistics": {"rx-bytes": 11, "rx-packets": 2, "rx-errs": 3, "rx-dropped": 4, "tx-bytes": 11, "tx-packets": 10, "tx-errs": 11, "tx-dropped": 12}',
      ),
    );
  });

  it('guest-network-get-interfaces omits missing counters, and reports why there are no interfaces', async (t) => {
    const bare = onMachine(t, {}, { kernel: { ...kernel, interfaces: () => addresses } });
    assert.ok(!(await bare.wire('guest-network-get-interfaces')).includes('statistics'));
    const failing = onMachine(
      t,
      {},
      {
        kernel: {
          ...kernel,
          interfaces() {
            throw systemError(12);
          },
        },
      },
    );
    assert.equal(await failing.refusal('guest-network-get-interfaces'), 'getifaddrs failed: Cannot allocate memory');
  });
});
