/** What the agent reports about its guest: from trees that imitate other machines, and from this machine. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it, suite } from 'node:test';
import type { Clock } from '../../../../agent/core/platform.ts';
import { clock } from '../../../../agent/platform/node/clock.ts';
import { kernel } from '../../../../agent/platform/node/kernel.ts';
import { getHostName } from '../../../../protocol/agent/commands/guest-get-host-name.ts';
import { getLoad } from '../../../../protocol/agent/commands/guest-get-load.ts';
import { getMemoryBlockInfo } from '../../../../protocol/agent/commands/guest-get-memory-block-info.ts';
import { getMemoryBlocks } from '../../../../protocol/agent/commands/guest-get-memory-blocks.ts';
import { getOsinfo } from '../../../../protocol/agent/commands/guest-get-osinfo.ts';
import { getTime } from '../../../../protocol/agent/commands/guest-get-time.ts';
import { getTimezone } from '../../../../protocol/agent/commands/guest-get-timezone.ts';
import { getUsers } from '../../../../protocol/agent/commands/guest-get-users.ts';
import { getVcpus } from '../../../../protocol/agent/commands/guest-get-vcpus.ts';
import { networkGetInterfaces } from '../../../../protocol/agent/commands/guest-network-get-interfaces.ts';
import { onMachine } from './machine.ts';
import { createStage } from './stage.ts';

const at = (text: string): Clock => ({ ...clock, realNs: () => BigInt(Date.parse(text)) * 1_000_000n + 999n });

suite('guest-get-osinfo', () => {
  const osRelease = 'ID=one\nNAME=One\nPRETTY_NAME="One 1"\n';

  it('guest-get-osinfo reports what the kernel and os-release say', async (t) => {
    const stage = onMachine(t, { '/etc/os-release': osRelease });
    assert.deepEqual(await stage.ask(getOsinfo, undefined), {
      name: 'One',
      prettyName: 'One 1',
      kernelRelease: kernel.system().release,
    });
    assert.match(
      await stage.wire('guest-get-osinfo'),
      /"machine": "[^"]+", "id": "one", "name": "One", "pretty-name": "One 1"\}\}$/m,
    );
  });

  it('guest-get-osinfo reads the file that the environment names, and then no other', async (t) => {
    const files = { '/etc/os-release': osRelease, '/own': 'NAME=Own\n', '/usr/lib/os-release': 'NAME=Lib\n' };
    const name = async (env: Record<string, string>, texts: Record<string, string> = files) =>
      (await onMachine(t, texts, { env }).ask(getOsinfo, undefined)).name;
    assert.equal(await name({ QGA_OS_RELEASE: '/own' }), 'Own');
    assert.equal(await name({ QGA_OS_RELEASE: '/missing' }), undefined);
    assert.equal(await name({}, { '/usr/lib/os-release': 'NAME=Lib\n' }), 'Lib');
    assert.equal(await name({}, {}), undefined);
  });
});

suite('guest-get-time and guest-get-timezone', () => {
  it('guest-get-time reports nanoseconds to the microsecond', async (t) => {
    const stage = createStage(t, { clock: { ...clock, realNs: () => 1_795_511_187_876_997_654n } });
    assert.equal(await stage.ask(getTime, undefined), 1_795_511_187_876_997_000n);
  });

  it('guest-get-timezone follows TZ as a rule or a file, then /etc/localtime, else UTC', async (t) => {
    // A fixed zone of version 1: one type, no changes (RFC 9636).
    const file = Buffer.concat([
      Buffer.from('TZif'),
      Buffer.alloc(28),
      Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4]),
      Buffer.from([0, 0, 14, 16, 0, 0]),
      Buffer.from('FIX\0'),
    ]);
    const files = { '/etc/localtime': file, '/usr/share/zoneinfo/Some/Where': file, '/damaged': 'TZif' };
    const zone = (env: Record<string, string>, texts: Record<string, string | Buffer> = files) =>
      onMachine(t, texts, { env, clock: at('2026-07-01T00:00:00Z') }).ask(getTimezone, undefined);
    const utc = { zone: 'UTC', offset: 0 };
    assert.deepEqual(await zone({}), { zone: 'FIX', offset: 3600 });
    assert.deepEqual(await zone({ TZ: 'Some/Where' }), { zone: 'FIX', offset: 3600 });
    assert.deepEqual(await zone({ TZ: ':Some/Where' }), { zone: 'FIX', offset: 3600 });
    assert.deepEqual(await zone({ TZ: 'CET-1CEST,M3.5.0,M10.5.0/3' }), { zone: 'CEST', offset: 7200 });
    assert.deepEqual(await zone({ TZ: '' }), utc);
    assert.deepEqual(await zone({ TZ: 'No/Where' }), utc);
    assert.deepEqual(await zone({ TZ: '/damaged' }), utc);
    assert.deepEqual(await zone({}, {}), utc);
  });
});

suite('guest-get-users', () => {
  const login = (user: string, seconds: number) => {
    const record = Buffer.alloc(384);
    record.writeInt16LE(7);
    record.write(user, 44);
    record.writeInt32LE(seconds, 340);
    record.writeInt32LE(500_000, 344);
    return record;
  };

  it('guest-get-users names each user once, with the earliest login', async (t) => {
    const system = { ...kernel, system: () => ({ release: '', version: '', machine: 'x86_64' }) };
    const records = Buffer.concat([login('one', 20), login('two', 30), login('one', 10)]);
    const expected = [
      { user: 'one', loginTime: 10.5 },
      { user: 'two', loginTime: 30.5 },
    ];
    for (const path of ['/run/utmp', '/var/run/utmp'])
      assert.deepEqual(await onMachine(t, { [path]: records }, { kernel: system }).ask(getUsers, undefined), expected);
  });

  it('guest-get-users is empty where no record is kept', async (t) => {
    assert.equal(await onMachine(t, {}).wire('guest-get-users'), '{"return": []}\n');
  });
});

suite('guest-get-host-name and guest-get-load', () => {
  it('guest-get-host-name and guest-get-load report what the kernel says', async (t) => {
    const stage = onMachine(t, { '/proc/sys/kernel/hostname': 'box\n', '/proc/loadavg': '0.5 1.25 12.00 1/80 11206\n' });
    assert.equal(await stage.ask(getHostName, undefined), 'box');
    assert.deepEqual(await stage.ask(getLoad, undefined), [0.5, 1.25, 12]);
    assert.equal(await stage.wire('guest-get-load'), '{"return": {"load1m": 0.5, "load5m": 1.25, "load15m": 12}}\n');
  });

  it('guest-get-host-name and guest-get-load report the kernel’s error', async (t) => {
    const stage = onMachine(t, { '/proc/loadavg': 'NaN Infinity' });
    assert.equal(await stage.refusal('guest-get-host-name'), 'failed to get hostname: No such file or directory');
    assert.equal(await stage.refusal('guest-get-load'), 'failed to get load average: /proc/loadavg is damaged');
  });
});

suite('guest-get-vcpus', () => {
  it('guest-get-vcpus reports which processors are on and which can be turned off', async (t) => {
    const directory = '/sys/devices/system/cpu';
    const files = {
      [`${directory}/cpu0/topology`]: '',
      [`${directory}/cpu1/online`]: '1\n',
      [`${directory}/cpu10/online`]: '0\n',
      [`${directory}/cpufreq/x`]: '',
      [`${directory}/online`]: '0-1\n',
    };
    const vcpus = await onMachine(t, files).ask(getVcpus, undefined);
    assert.deepEqual(
      vcpus.toSorted((one, other) => one.id - other.id),
      [
        { id: 0, online: true, canOffline: false },
        { id: 1, online: true, canOffline: true },
        { id: 10, online: false, canOffline: true },
      ],
    );
  });

  it('guest-get-vcpus reports a missing directory', async (t) => {
    assert.equal(
      await onMachine(t, {}).refusal('guest-get-vcpus'),
      'failed to list entries: /sys/devices/system/cpu: No such file or directory',
    );
  });
});

suite('guest-get-memory-blocks', () => {
  const directory = '/sys/devices/system/memory';

  it('guest-get-memory-blocks reports which blocks are on, and their size', async (t) => {
    const stage = onMachine(t, {
      [`${directory}/memory0/state`]: 'online\n',
      [`${directory}/memory0/removable`]: '0\n',
      [`${directory}/memory32/state`]: 'offline\n',
      [`${directory}/memory32/removable`]: '1\n',
      [`${directory}/block_size_bytes`]: '8000000\n',
      [`${directory}/auto_online_blocks`]: 'online\n',
    });
    const blocks = await stage.ask(getMemoryBlocks, undefined);
    assert.deepEqual(
      blocks.toSorted((one, other) => Number(one.index - other.index)),
      [
        { index: 0n, online: true, canOffline: false },
        { index: 32n, online: false, canOffline: true },
      ],
    );
    assert.equal(await stage.ask(getMemoryBlockInfo, undefined), 134_217_728n);
  });

  it('guest-get-memory-blocks is empty without hot-plug, and fails when blocks should exist', async (t) => {
    const none = onMachine(t, {});
    assert.equal(await none.wire('guest-get-memory-blocks'), '{"return": []}\n');
    assert.equal(
      await none.refusal('guest-get-memory-block-info'),
      `open("${directory}/block_size_bytes"): No such file or directory`,
    );
    const empty = onMachine(t, { [`${directory}/block_size_bytes`]: 'zz' });
    assert.equal(await empty.refusal('guest-get-memory-blocks'), 'guest reported zero memory blocks!');
    assert.match(await empty.refusal('guest-get-memory-block-info'), /is damaged$/);
  });
});

suite('this machine', () => {
  it('facts about this machine agree with its own files', async (t) => {
    const stage = createStage(t);
    assert.equal(await stage.ask(getHostName, undefined), readFileSync('/proc/sys/kernel/hostname', 'utf8').trim());
    assert.equal(
      (await stage.ask(getVcpus, undefined)).length,
      readdirSync('/sys/devices/system/cpu').filter((name) => /^cpu\d+$/.test(name)).length,
    );
    const names = (await stage.ask(networkGetInterfaces, undefined)).map(({ name }) => name);
    assert.deepEqual(names.toSorted(), readdirSync('/sys/class/net').toSorted());
  });
});
