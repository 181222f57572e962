/** What the monitor's connection makes of replies out of order, events, refusals, silence, rubbish, and of sockets held by others. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { it, type TestContext } from 'node:test';
import { openMonitor } from '../../../host/channel/monitor.ts';
import type { MonitorEvent } from '../../../host/channel/types.ts';
import { isStillframeError, type ErrorCode, type StillframeError } from '../../../model/errors.ts';
import { MonitorRefusal, startFakeMonitor } from '../../fakes/fake-monitor.ts';

/** For answers that never come: what is waited for is the time-out itself. */
const soonMs = 100;

async function monitorFor(t: TestContext) {
  const fake = await startFakeMonitor();
  t.after(() => fake.stop());
  const logged: { level: string; message: string }[] = [];
  const monitor = await openMonitor({ path: fake.path, log: (level, message) => logged.push({ level, message }) });
  t.after(() => monitor.close());
  return { fake, monitor, logged };
}

/** The StillframeError with this code that `outcome` fails with. */
async function failure(outcome: Promise<unknown>, code: ErrorCode): Promise<StillframeError> {
  const error: unknown = await outcome.then(
    (value) => assert.fail(`wanted ${code}, got the value ${String(value)}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(isStillframeError(error, code), `wanted ${code}, got ${String(error)}`);
  return error;
}

it('a monitor negotiates before anything else, and passes arguments and replies on', async (t) => {
  const { fake, monitor } = await monitorFor(t);
  fake.on('block-job-cancel', (args) => ({ cancelled: args.device!, size: 2n ** 60n }));
  const reply = await monitor.execute('block-job-cancel', { device: 'sf.é' });
  assert.deepEqual({ ...(reply as object) }, { cancelled: 'sf.é', size: 2n ** 60n });
  assert.deepEqual(fake.came, ['qmp_capabilities', 'block-job-cancel']);
});

it('several commands may be out, and each gets its own reply, in any order', async (t) => {
  const { fake, monitor } = await monitorFor(t);
  const slow = Promise.withResolvers<void>();
  fake.on('slow', () => slow.promise.then(() => 'slow'));
  fake.on('quick', () => 'quick');
  const first = monitor.execute('slow');
  assert.equal(await monitor.execute('quick'), 'quick');
  slow.resolve();
  assert.equal(await first, 'slow');
});

it('a refusal is reported with class and text, and the connection stays open', async (t) => {
  const { fake, monitor } = await monitorFor(t);
  fake.on('transaction', () => {
    throw new MonitorRefusal("Cannot find device='d0'", 'DeviceNotFound');
  });
  const error = await failure(monitor.execute('transaction', { actions: [] }), 'monitor-refused');
  assert.deepEqual(error.facts, { command: 'transaction', class: 'DeviceNotFound', desc: "Cannot find device='d0'" });
  await failure(monitor.execute('no-such-command'), 'monitor-refused');
});

it('events come in order, those from before the first listener too', async (t) => {
  const { fake, monitor } = await monitorFor(t);
  fake.on('marker', () => ({}));
  fake.emit('STOP');
  // Replies and events share one stream: once this one is here, so is what was sent before it.
  await monitor.execute('marker');
  const heard: MonitorEvent[] = [];
  monitor.onEvent((event) => heard.push(event));
  fake.emit('SHUTDOWN', { guest: true, reason: 'guest-shutdown' });
  await monitor.execute('marker');
  assert.deepEqual(
    heard.map(({ name, data }) => [name, { ...data }]),
    [
      ['STOP', {}],
      ['SHUTDOWN', { guest: true, reason: 'guest-shutdown' }],
    ],
  );
});

it('a removed listener gets no more events, and the next one none of the time in between', async (t) => {
  const { fake, monitor } = await monitorFor(t);
  fake.on('marker', () => ({}));
  const heard: string[] = [];
  const stopListening = monitor.onEvent(({ name }) => heard.push(`first ${name}`));
  fake.emit('STOP');
  await monitor.execute('marker');
  stopListening();
  fake.emit('RESUME');
  await monitor.execute('marker');
  monitor.onEvent(({ name }) => heard.push(`second ${name}`));
  fake.emit('RESET');
  await monitor.execute('marker');
  assert.deepEqual(heard, ['first STOP', 'second RESET']);
});

for (const [how, reply, said] of [
  ['a success', () => 'late', 'with success'],
  [
    'a refusal',
    () => {
      throw new MonitorRefusal('no such job');
    },
    'with "no such job"',
  ],
] as const)
  it(`a command without an answer times out by itself; ${how} that comes late is logged and dropped`, async (t) => {
    const { fake, monitor, logged } = await monitorFor(t);
    const slow = Promise.withResolvers<void>();
    fake.on('slow', () => slow.promise.then(reply));
    fake.on('quick', () => 'quick');
    const error = await failure(monitor.execute('slow', undefined, { timeoutMs: soonMs }), 'monitor-timed-out');
    assert.match(error.message, /did not answer slow within 100 ms/);
    slow.resolve();
    assert.equal(await monitor.execute('quick'), 'quick');
    assert.deepEqual(logged, [
      {
        level: 'warn',
        message: `the monitor ${fake.path} answered command 2 ${said}, and no command waits for that reply: dropped`,
      },
    ]);
  });

it('a reply to a command that was never sent, and a second reply to one that was, are logged and dropped', async (t) => {
  const { fake, monitor, logged } = await monitorFor(t);
  fake.on('slow', () => {
    fake.send('{"return": "stray", "id": 99}\n{"return": "stray", "id": 1}\n');
    return 'mine';
  });
  assert.equal(await monitor.execute('slow'), 'mine');
  assert.deepEqual(
    logged.map(({ message }) => /answered command (\d+) with success/.exec(message)?.[1]),
    ['99', '1'],
  );
});

it('a second greeting ends the connection: it is another QEMU, which knows nothing of what is out', async (t) => {
  const { fake, monitor } = await monitorFor(t);
  fake.on('slow', () => (fake.send('{"QMP": {"version": {}, "capabilities": []}}\n'), new Promise<never>(() => {})));
  await failure(monitor.execute('slow'), 'monitor-garbled');
  await monitor.closed;
});

it('the end of QEMU fails what is out, resolves closed, and nothing can be sent any more', async (t) => {
  const { fake, monitor } = await monitorFor(t);
  const arrived = Promise.withResolvers<void>();
  fake.on('slow', () => (arrived.resolve(), new Promise<never>(() => {})));
  const outcome = failure(monitor.execute('slow'), 'monitor-closed');
  await arrived.promise;
  await fake.stop();
  assert.equal((await outcome).kind, 'interrupted');
  await monitor.closed;
  await failure(monitor.execute('slow'), 'monitor-closed');
});

it('closed resolves when we close, too', async (t) => {
  const { monitor } = await monitorFor(t);
  monitor.close();
  await monitor.closed;
});

for (const [what, bytes] of [
  ['text', 'QEMU 7.2 monitor\n'],
  ['JSON that is not QMP', '{"hello": 1}\n'],
  ['an error without an id', '{"error": {"class": "GenericError", "desc": "what?"}}\n'],
] as const)
  it(`garbage ends the connection: ${what}`, async (t) => {
    const { fake, monitor } = await monitorFor(t);
    fake.on('slow', () => (fake.send(bytes), new Promise<never>(() => {})));
    await failure(monitor.execute('slow'), 'monitor-garbled');
    await monitor.closed;
  });

it('a message without end is cut off at the limit', async (t) => {
  const { fake, monitor } = await monitorFor(t);
  fake.on('slow', () => (fake.send(`{"return": [${'1,'.repeat(6 * 2 ** 20)}`), new Promise<never>(() => {})));
  await failure(monitor.execute('slow'), 'monitor-garbled');
});

it('a flood of events ends the connection, whether anything listens or not', async (t) => {
  const { fake, monitor } = await monitorFor(t);
  for (let sent = 0; sent <= 6_000; sent += 1) fake.emit('RTC_CHANGE', { offset: sent });
  await monitor.closed;
  await failure(monitor.execute('query-status'), 'monitor-garbled');
});

it('a monitor that does not greet is distinguished from one that another program holds', async (t) => {
  const hung = await startFakeMonitor({ silent: true });
  t.after(() => hung.stop());
  await failure(openMonitor({ path: hung.path, timeoutMs: soonMs }), 'monitor-timed-out');
});

it('a monitor that another program holds is reported, and can be opened once that program has gone', async (t) => {
  const fake = await startFakeMonitor();
  t.after(() => fake.stop());
  const holder = createConnection(fake.path);
  await once(holder, 'data');
  const error = await failure(openMonitor({ path: fake.path, timeoutMs: soonMs }), 'monitor-held');
  assert.deepEqual(error.facts, { path: fake.path });
  holder.destroy();
  const monitor = await openMonitor({ path: fake.path });
  monitor.close();
});

it('a monitor that does not exist is reported with its path', async () => {
  const error = await failure(openMonitor({ path: '/nonexistent/qmp.sock' }), 'monitor-unreachable');
  assert.deepEqual(error.facts, { path: '/nonexistent/qmp.sock', errno: 'ENOENT' });
});
