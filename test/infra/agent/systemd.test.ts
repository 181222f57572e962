import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { openMonitor } from '../../../host/channel/monitor.ts';
import { buildAgent } from '../../../infra/agent/build.ts';
import { packageAgent } from '../../../infra/agent/deb.ts';
import { startSystemdGuest, type SystemdGuest } from '../../../infra/agent/systemd-guest.ts';
import { connectAgent } from '../lab/raw-agent.ts';
import { makeFolder } from '../../support/folder.ts';

let directory: string;
let guest: SystemdGuest;

/** Asks on a connection of its own: what is sent while the agent is away waits in QEMU for the next one. */
async function ask(channel: string, command: string): Promise<unknown> {
  const agent = await connectAgent(channel);
  try {
    return await agent.execute(command);
  } finally {
    agent.close();
  }
}

const mainProcess = () => guest.shell('systemctl show --property MainPID --value stillframe-agent');

/** Leaves a writer behind that waits for the thaw, and returns what waits for the writer. */
async function startWriter(): Promise<() => Promise<string>> {
  await guest.shell(
    'rm -f /run/writes /run/wrote; mkfifo /run/wrote; (: >/run/writes; date >/root/written; echo wrote >/run/wrote) >/dev/null 2>&1 &',
  );
  return () => guest.shell('cat /run/wrote');
}

suite('the package in a Debian guest with systemd', { timeout: 400_000 }, () => {
  before(async () => {
    directory = await makeFolder();
    const deb = await packageAgent({ binary: await buildAgent(), arch: 'x86_64', into: directory });
    guest = await startSystemdGuest({ directory, files: { 'agent.deb': deb } });
    // What stock needs to run is not there, and it need not run.
    await guest.shell('dpkg --force-unsafe-io --force-depends -i /root/qemu-guest-agent.deb');
    await guest.shell('dpkg --force-unsafe-io -i /root/agent.deb');
  });
  after(async () => {
    await guest.stop();
    await rm(directory, { recursive: true });
  });

  test('the package takes the place of qemu-guest-agent, and answers on both ports', async () => {
    assert.match(await guest.shell('dpkg -s qemu-guest-agent | grep ^Status'), /ok config-files/);
    assert.equal(await guest.shell('systemctl is-active qemu-guest-agent stillframe-agent'), 'active\nactive');
    assert.match(await guest.shell('qemu-ga --version'), /stillframe-agent/);
    assert.equal(await guest.shell('systemd-analyze verify stillframe-agent.service'), '');
    for (const channel of [guest.channel, guest.ownChannel]) assert.deepEqual(await ask(channel, 'guest-ping'), {});
  });

  test('an agent that is killed is started again', async () => {
    const killed = await mainProcess();
    await guest.shell(`kill -9 ${killed}`);
    assert.deepEqual(await ask(guest.channel, 'guest-ping'), {});
    assert.notEqual(await mainProcess(), killed);
  });

  test('the root filesystem is frozen and thawed, and written to only after that', async () => {
    const agent = await connectAgent(guest.ownChannel);
    assert.equal(await agent.execute('guest-fsfreeze-freeze'), 1);
    const written = await startWriter();
    assert.equal(await agent.execute('guest-fsfreeze-status'), 'frozen');
    assert.equal(await guest.shell('cat /root/written 2>/dev/null || echo nothing'), 'nothing');
    assert.equal(await agent.execute('guest-fsfreeze-thaw'), 1);
    assert.equal(await written(), 'wrote');
    agent.close();
  });

  test('systemctl stop while frozen thaws', async () => {
    assert.equal(await ask(guest.ownChannel, 'guest-fsfreeze-freeze'), 1);
    const written = await startWriter();
    await guest.shell('systemctl stop qemu-guest-agent');
    assert.equal(await written(), 'wrote');
    assert.equal(await guest.shell('systemctl show --property Result --value stillframe-agent'), 'success');
    await guest.shell('systemctl start qemu-guest-agent');
  });

  test('an agent that is killed while frozen leaves a thawed guest, and its successor says so', async () => {
    assert.equal(await ask(guest.ownChannel, 'guest-fsfreeze-freeze'), 1);
    const written = await startWriter();
    await guest.shell(`kill -9 ${await mainProcess()}`);
    assert.equal(await written(), 'wrote');
    // A successor counts as frozen until it has seen to what the record names; a thaw waits for that, and finds nothing left.
    assert.equal(await ask(guest.ownChannel, 'guest-fsfreeze-thaw'), 0);
    assert.equal(await ask(guest.ownChannel, 'guest-fsfreeze-status'), 'thawed');
  });

  test('a port that appears starts the unit', async () => {
    await guest.shell('systemctl stop qemu-guest-agent');
    const monitor = await openMonitor({ path: guest.monitor });
    const gone = Promise.withResolvers<void>();
    monitor.onEvent(({ name }) => name === 'DEVICE_DELETED' && gone.resolve());
    await monitor.execute('device_del', { id: 'port0' });
    await gone.promise;
    await monitor.execute('device_add', {
      driver: 'virtserialport',
      chardev: 'port0',
      id: 'port0',
      name: 'org.qemu.guest_agent.0',
    });
    monitor.close();
    assert.deepEqual(await ask(guest.channel, 'guest-ping'), {});
    assert.equal(await guest.shell('systemctl is-active qemu-guest-agent'), 'active');
  });

  test('removing the package ends the agent and removes its names, until it is installed again', async () => {
    await guest.shell('dpkg -r stillframe-agent');
    await assert.rejects(guest.shell('systemctl is-active qemu-guest-agent'));
    assert.equal(
      await guest.shell('ls /usr/sbin/qemu-ga /etc/systemd/system/qemu-guest-agent.service 2>/dev/null || echo none'),
      'none',
    );
    await guest.shell('dpkg --force-unsafe-io -i /root/agent.deb');
    assert.deepEqual(await ask(guest.channel, 'guest-ping'), {});
  });
});
