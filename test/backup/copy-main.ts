/** A host without a server: takes a point in time of the one guest behind a monitor, copies it, commits it, and prints the restore point. */

import { chmod } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createBackups } from '../../backup/backups.ts';
import { createQemuDriver } from '../../host/drivers/qemu/driver.ts';
import { openJournal } from '../../host/journal/journal.ts';
import { logLine } from '../../lib/log.ts';
import { beginProcess } from '../../lib/begin-process.ts';
import { backupId, hostId } from '../../model/ids.ts';
import { openSessions } from '../../backup/sessions.ts';
import { openKnownRepositories, repositoriesOf } from '../../repository/known.ts';
import { openSigner } from '../../repository/signature.ts';
import type { Repository } from '../../repository/points.ts';
import { outcomeOf } from '../workflows/stand-ins.ts';

beginProcess();
const { values } = parseArgs({
  options: {
    monitor: { type: 'string' },
    scratch: { type: 'string' },
    state: { type: 'string' },
    repository: { type: 'string' },
    /** QEMU's process, to be stopped as soon as the copy can begin: it stays at its beginning until QEMU continues. */
    stop: { type: 'string' },
    copies: { type: 'string' },
    /** Sessions of the repository can be entered by others, as on a filesystem that keeps no modes. */
    open: { type: 'boolean' },
  },
});
const log = logLine('host');
const guests = [{ kind: 'listed' as const, name: 'db1', id: undefined, channel: 'none', monitor: values.monitor!, carries: [] }];
const scratch = { path: values.scratch!, limitBytes: undefined, marginBytes: 2 ** 20 };
const driver = createQemuDriver({ config: { guests, scratch }, stateDir: values.state!, log });
const journal = openJournal({ stateDir: values.state! });
const named = repositoriesOf({ main: values.repository! }, openKnownRepositories(values.state!));
const repositoryNamed = values.open ? async (name: string) => withOpenSessions(await named(name)) : named;
const host = hostId('h1');
const backups = createBackups({
  driver,
  journal,
  config: { host },
  repositoryNamed,
  sessions: openSessions(values.state!, repositoryNamed),
  reaper: { claim: async () => ({ [Symbol.dispose]() {} }) },
  ending: new AbortController().signal,
  signer: await openSigner(values.state!, host),
  log,
});
const { exports } = driver.pointInTime;
driver.pointInTime.exports = async (...args) => {
  const opened = await exports(...args);
  if (values.stop !== undefined) process.kill(Number(values.stop), 'SIGSTOP');
  return opened;
};

const [listing] = await driver.inventory();
const guest = await driver.guest(listing!.id!);
for (let copy = 0; copy < Number(values.copies ?? 1); copy++) {
  const request = { guest: guest.id, backup: backupId(`20260101T02000${copy}-1a2b3c4d`), repository: 'main' };
  const key = { guest: guest.id, backup: request.backup, attempt: 1 };
  const prepared = await driver.pointInTime.prepare(guest, request.backup, await backups.check('main'));
  await prepared.begin();
  const { claim } = outcomeOf(key);
  const { epoch } = await journal.begin({ ...key, guestName: 'db1', channel: guest.channel, claim, leaseMs: 10_000 });
  await journal.close(outcomeOf(key, { epoch, disks: prepared.disks }));
  await backups.copy(request, { signal: new AbortController().signal, onProgress: () => {} });
  const point = await backups.commit(request);
  await backups.cleanUp(request);
  process.stdout.write(`${JSON.stringify(point)}\n`);
}
process.exit(0);

function withOpenSessions(repository: Repository): Repository {
  return {
    ...repository,
    async begin(id) {
      const session = await repository.begin(id);
      await chmod(session, 0o711);
      return session;
    },
  };
}
