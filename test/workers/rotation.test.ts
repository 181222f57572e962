/** Certificates are replaced while workers run: no activity ends, and what connects afterwards has the new certificate. */

import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { createControlActivities } from '../../activities/control.ts';
import { createCopyActivities } from '../../activities/copy.ts';
import { createGuestActivities } from '../../activities/guest.ts';
import { createWindowActivities } from '../../activities/window.ts';
import { startWorkflow } from '../../client/workflows.ts';
import { startDevServer } from '../../infra/temporal/dev-server.ts';
import { tcpAddress } from '../../lib/own-port.ts';
import { controlQueue, hostQueueNames, hostQueues } from '../../model/ids.ts';
import { servedOn } from '../../model/workflows/activities.ts';
import { backupGuest } from '../../model/workflows/backup-guest.ts';
import { workflowBundle } from '../../workers/temporal/bundle.ts';
import { runWorkers } from '../../workers/temporal/run-workers.ts';
import { connectWhenReady } from '../../workers/temporal/server.ts';
import { installRuntime } from '../../workers/temporal/temporal.ts';
import { makeAuthority } from '../support/certificates.ts';
import { startTlsProxy } from '../support/tls-proxy.ts';
import { newIds } from '../workflows/stage.ts';
import { standIns } from '../workflows/stand-ins.ts';
import { makeTemporary } from './up-process.ts';

it('a copy that runs while the certificate is replaced continues, and every later connection has the new certificate', async () => {
  await using undo = new AsyncDisposableStack();
  const directory = await makeTemporary(undo);
  const authority = await makeAuthority(directory, 'ca');
  const [frontend, first, second] = [
    await authority.issue('temporal.test'),
    await authority.issue('first', { days: 3 }),
    await authority.issue('second'),
  ];
  const [certificate, key] = [join(directory, 'client.pem'), join(directory, 'client.key')];
  await copyFile(first.certificate, certificate);
  await copyFile(first.key, key);
  const server = await startDevServer({ socket: join(directory, 'temporal.sock') });
  undo.defer(() => server.stop());
  const proxy = await startTlsProxy(await tcpAddress(server.address), frontend, authority.certificate);
  undo.defer(() => proxy.close());
  Object.assign(process.env, {
    TEMPORAL_ADDRESS: proxy.address,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.certificate,
    TEMPORAL_TLS_CLIENT_CERT_PATH: certificate,
    TEMPORAL_TLS_CLIENT_KEY_PATH: key,
    XDG_CONFIG_HOME: directory,
  });
  const said: string[] = [];
  const events = new EventTarget();
  const log = (_level: string, message: string) => {
    said.push(message);
    events.dispatchEvent(new Event('line'));
  };
  const until = async (text: RegExp) => {
    while (!said.some((line) => text.test(line)))
      await new Promise((resolve) => events.addEventListener('line', resolve, { once: true }));
  };
  installRuntime(log);
  const ending = new AbortController();
  const connected = await connectWhenReady({}, log, ending.signal);
  undo.defer(() => connected.close());

  const copied = Promise.withResolvers<void>();
  let copies = 0;
  const parts = standIns({ backups: { copy: () => (copies++ === 0 ? copied.promise : Promise.resolve()) } });
  const ids = newIds();
  const served = { ...createWindowActivities(parts), ...createGuestActivities(parts), ...createCopyActivities(parts) };
  const queues = hostQueues(ids.host);
  const ready = Promise.withResolvers<void>();
  const running = runWorkers(
    connected,
    [
      {
        taskQueue: controlQueue,
        workflowBundle: await workflowBundle('index.ts'),
        activities: createControlActivities({ client: connected.client }),
      },
      ...hostQueueNames.map((queue) => ({
        taskQueue: queues[queue],
        activities: servedOn(queue, served),
      })),
    ],
    ending.signal,
    ready.resolve,
  );
  undo.defer(async () => {
    ending.abort();
    await running;
  });
  await ready.promise;
  const start = async (over: object) =>
    startWorkflow(
      connected.client,
      backupGuest,
      { ...ids, repository: 'main', want: 'filesystem', ...over },
      { summary: 'test' },
    );
  const backup = await start({});
  await parts.called('copy');

  await until(/^the client certificate ends at .*: renew it$/);
  // A certificate without its key, as it is between two copies of one renewal, changes nothing.
  await copyFile(second.certificate, certificate);
  await until(/cannot be used yet, and the former connection stays: the client key .* does not belong to/);
  await copyFile(second.key, key);
  await until(/connected to the Temporal server again/);
  assert.equal(proxy.clients.at(-1), 'second');
  copied.resolve();
  await backup.result();
  assert.equal(copies, 1);

  // All connections end, as when the server is started again: each one that connects again has the new certificate.
  const before = proxy.clients.length;
  proxy.cut();
  await (await start({ backup: newIds().backup })).result();
  assert.ok(proxy.clients.length > before);
  assert.deepEqual([...new Set(proxy.clients.slice(before))], ['second']);
});
