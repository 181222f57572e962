/** Replies as hosts read them: what every agent since the command's first release sends, and what none may send. */

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it, suite } from 'node:test';
import fc from 'fast-check';
import type { AgentCommand } from '../../../protocol/agent/command.ts';
import { execStatus } from '../../../protocol/agent/commands/guest-exec-status.ts';
import { exec } from '../../../protocol/agent/commands/guest-exec.ts';
import { getDisks } from '../../../protocol/agent/commands/guest-get-disks.ts';
import { getLoad } from '../../../protocol/agent/commands/guest-get-load.ts';
import { getTime } from '../../../protocol/agent/commands/guest-get-time.ts';
import { getUsers } from '../../../protocol/agent/commands/guest-get-users.ts';
import { networkGetInterfaces } from '../../../protocol/agent/commands/guest-network-get-interfaces.ts';
import { setTime } from '../../../protocol/agent/commands/guest-set-time.ts';
import { ReplyShapeError } from '../../../protocol/agent/shape.ts';
import { JsonFloat, type Json } from '../../../protocol/json.ts';

const directory = join(import.meta.dirname, '../../../protocol/agent/commands');

const all = await Promise.all(
  readdirSync(directory).map(async (file): Promise<[string, AgentCommand<unknown, unknown>]> => {
    const exported = Object.values((await import(join(directory, file))) as Record<string, unknown>);
    const command = exported.find((each) => typeof each === 'object' && each !== null && 'name' in each);
    return [file, command as AgentCommand<unknown, unknown>];
  }),
);

suite('replies', () => {
  it('replies are read, or refused by name, whatever they hold', () => {
    const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom<Json>(null, true, 0, -1, 2n ** 63n, new JsonFloat(1), ''),
        fc.array(tie('value')),
        fc.dictionary(fc.constantFrom(...keys), tie('value')),
      ),
    })).value;
    for (const [file, command] of all) {
      fc.assert(
        fc.property(json, (value) => {
          try {
            command.reply(value);
          } catch (error) {
            assert.ok(error instanceof ReplyShapeError, `${file}: ${String(error)}`);
          }
        }),
        { numRuns: 200 },
      );
    }
  });

  it('a reply is in the file that is named like its command', () => {
    for (const [file, { name }] of all) assert.ok(file === `${name}.ts` || name.startsWith('__org.stillframe_'), file);
  });
});

const keys = [
  'name',
  'exited',
  'out-data',
  'ip-addresses',
  'statistics',
  'rx-bytes',
  'address',
  'bus-type',
  'count',
  'buf-b64',
  'eof',
  'paths',
  'path',
  'offset',
  'zone',
  'size',
  'pid',
  'user',
  'login-time',
  'partition',
  'online',
  'logical-id',
];

suite('commands', () => {
  it('commands keep what a number cannot hold', () => {
    assert.equal(getTime.reply(1_795_511_187_876_997_001n), 1_795_511_187_876_997_001n);
    assert.deepEqual(setTime.arguments({ time: 2n ** 62n + 1n }), { time: 2n ** 62n + 1n });
    assert.equal(setTime.arguments({}), undefined);
  });

  it('commands send only what was asked for', () => {
    assert.deepEqual(exec.arguments({ path: 'a' }), { path: 'a' });
    assert.deepEqual(exec.arguments({ path: 'a', arg: [], env: [], input: '', capture: false }), {
      path: 'a',
      arg: [],
      env: [],
      'input-data': '',
      'capture-output': false,
    });
  });

  it('commands read numbers with and without a fraction', () => {
    assert.deepEqual(getLoad.reply({ load1m: new JsonFloat(0.5), load5m: 1, load15m: new JsonFloat(2) }), [0.5, 1, 2]);
    assert.deepEqual(getUsers.reply([{ user: 'root', 'login-time': new JsonFloat(1.25) }]), [{ user: 'root', loginTime: 1.25 }]);
    assert.throws(() => getLoad.reply({ load1m: '1', load5m: 1, load15m: 1 }), /load1m must be a whole number/);
  });

  it('commands accept replies without the members that old agents leave out', () => {
    const nothing = {
      exitCode: undefined,
      signal: undefined,
      out: undefined,
      err: undefined,
      outTruncated: undefined,
      errTruncated: undefined,
    };
    assert.deepEqual(execStatus.reply({ exited: false }), { exited: false, ...nothing });
    assert.deepEqual(networkGetInterfaces.reply([{ name: 'tun0' }]), [
      { name: 'tun0', hardwareAddress: undefined, addresses: [], statistics: undefined },
    ]);
    assert.deepEqual(getDisks.reply([{ name: '/dev/sr0', partition: false }]), [
      { name: '/dev/sr0', partition: false, dependencies: undefined, address: undefined, alias: undefined },
    ]);
  });
});
