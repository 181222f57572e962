/** Settings of a connection: where each value comes from, and what is refused before anything is sent. */

import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { inClear } from '../../client/encryption/encrypted-by.ts';
import { resolveServer } from '../../client/settings.ts';
import { isStillframeError } from '../../model/errors.ts';
import { makeAuthority } from '../support/certificates.ts';
import { temporaryFolder } from '../support/folder.ts';

async function profiles(t: TestContext, text: string): Promise<{ TEMPORAL_CONFIG_FILE: string }> {
  const path = join(await temporaryFolder(t), 'temporal.toml');
  await writeFile(path, text);
  return { TEMPORAL_CONFIG_FILE: path };
}

function refused(message: RegExp) {
  return (error: unknown) => {
    assert.ok(isStillframeError(error, 'connection-invalid'), String(error));
    assert.match(error.message, message);
    return true;
  };
}

/** No file of the user who runs the tests. */
const empty = { XDG_CONFIG_HOME: '/nonexistent' };

test('without any setting it is the server of this user’s up, whether or not it runs, and never a port that any user could open', async (t) => {
  const state = await temporaryFolder(t);
  assert.deepEqual(await resolveServer({ state }, { ...empty, TEMPORAL_ADDRESS: '' }), {
    connection: { address: `unix:${state}/temporal.sock` },
    namespace: 'default',
    dataConverter: inClear,
    isAddressNamed: false,
  });
});

test('the server of an up is reached without what is set for one on the network', async (t) => {
  const state = await temporaryFolder(t);
  const socket = join(state, 'temporal.sock');
  const forNetwork = { ...empty, TEMPORAL_TLS: 'true', TEMPORAL_API_KEY: 'secret' };
  const found = { connection: { address: `unix:${socket}` }, namespace: 'default', dataConverter: inClear };
  assert.deepEqual(await resolveServer({ state }, forNetwork), { ...found, isAddressNamed: false });
  assert.deepEqual(await resolveServer({}, { ...forNetwork, STILLFRAME_STATE: state }), { ...found, isAddressNamed: false });
  assert.deepEqual(await resolveServer({ address: `unix:${socket}` }, forNetwork), { ...found, isAddressNamed: true });
  assert.equal((await resolveServer({ state }, { ...empty, TEMPORAL_ADDRESS: '127.0.0.1:1' })).connection.address, '127.0.0.1:1');
});

test('a flag wins over its variable, and a variable over the profile', async (t) => {
  const env = await profiles(
    t,
    `[profile.fleet]\naddress = "a:1"\nnamespace = "backups"\napi_key = "secret"\n[profile.fleet.tls]\nserver_name = "temporal"\n`,
  );
  const fromProfile = await resolveServer({ profile: 'fleet' }, env);
  assert.deepEqual(fromProfile.connection, {
    address: 'a:1',
    apiKey: 'secret',
    tls: { serverNameOverride: 'temporal', serverRootCACertificate: undefined, clientCertPair: undefined },
  });
  assert.equal(fromProfile.namespace, 'backups');
  const fromVariable = await resolveServer({}, { ...env, TEMPORAL_PROFILE: 'fleet', TEMPORAL_ADDRESS: 'b:2' });
  assert.equal(fromVariable.connection.address, 'b:2');
  const fromFlag = await resolveServer({ address: 'c:3', profile: 'fleet' }, { ...env, TEMPORAL_ADDRESS: 'b:2' });
  assert.equal(fromFlag.connection.address, 'c:3');
});

test('a profile that is not in the file is refused by its name', async (t) => {
  await assert.rejects(
    resolveServer({ profile: 'flete' }, await profiles(t, '')),
    refused(/flete.*correct the TEMPORAL_\* variables or the profile$/),
  );
});

test('a misspelt key of the profile is refused, since the connection would go without it', async (t) => {
  const env = await profiles(t, '[profile.default.tls]\nclient_cert = "x.pem"\n');
  await assert.rejects(resolveServer({}, env), refused(/client_cert/));
});

test('a file of profiles that is named and not there is refused, since the connection would go without it', async () => {
  await assert.rejects(resolveServer({}, { TEMPORAL_CONFIG_FILE: '/nonexistent/temporal.toml' }), refused(/nonexistent/));
});

for (const address of [
  '10.0.0.1:7233',
  'temporal.example:7233',
  '[2001:db8::1]:7233',
  '127.example:7233',
  'localhost.example:1',
]) {
  test(`${address} without TLS is refused, and the error has the way out`, async () => {
    await assert.rejects(
      resolveServer({ address }, empty),
      refused(/is not on this machine.*TEMPORAL_TLS=true.*--insecure-plaintext or STILLFRAME_INSECURE_PLAINTEXT=1$/),
    );
    await assert.rejects(
      resolveServer({}, { ...empty, TEMPORAL_ADDRESS: address, TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: 'k' }),
      refused(/not on this machine/),
    );
    for (const by of [
      resolveServer({ address, 'insecure-plaintext': true }, empty),
      resolveServer({ address }, { ...empty, STILLFRAME_INSECURE_PLAINTEXT: '1' }),
      resolveServer({ address }, { ...empty, TEMPORAL_TLS: 'true' }),
      resolveServer({ address }, { ...empty, TEMPORAL_API_KEY: 'secret' }),
    ])
      assert.equal((await by).connection.address, address);
  });
}

for (const address of ['localhost:1', '127.0.0.2:7233', '[::1]:7233', '127.0.0.1']) {
  test(`${address} is on this machine and needs no TLS`, async () => {
    assert.equal((await resolveServer({ address }, empty)).connection.address, address);
  });
}

test('certificate files that cannot be used are refused by name, and not by a handshake that fails', async (t) => {
  const directory = await temporaryFolder(t);
  const authority = await makeAuthority(directory, 'ca');
  const [first, second] = [await authority.issue('first'), await authority.issue('second')];
  const certificate = { ...empty, TEMPORAL_TLS_CLIENT_CERT_PATH: first.certificate };
  await assert.rejects(resolveServer({}, certificate), refused(/a client certificate without its key/));
  await assert.rejects(
    resolveServer({}, { ...empty, TEMPORAL_TLS_CLIENT_KEY_PATH: first.key }),
    refused(/a client key without its certificate/),
  );
  await assert.rejects(
    resolveServer({}, { ...certificate, TEMPORAL_TLS_CLIENT_KEY_PATH: second.key }),
    refused(new RegExp(`the client key ${second.key} does not belong to the client certificate ${first.certificate}`)),
  );
  await assert.rejects(
    resolveServer({}, { ...certificate, TEMPORAL_TLS_CLIENT_KEY_PATH: join(directory, 'gone') }),
    refused(new RegExp(`the client key ${directory}/gone cannot be read as PEM \\(ENOENT`)),
  );
  await assert.rejects(
    resolveServer({}, { ...empty, TEMPORAL_TLS_SERVER_CA_CERT_PATH: first.key }),
    refused(new RegExp(`the certificates of the CA ${first.key} cannot be read as PEM`)),
  );
  const { connection } = await resolveServer({ address: 'a:1' }, { ...certificate, TEMPORAL_TLS_CLIENT_KEY_PATH: first.key });
  assert.equal((connection.tls as { clientCertPair?: unknown }).clientCertPair !== undefined, true);
});

test('a profile, a certificate or a key that another user could have written is refused by name', async (t) => {
  const directory = await temporaryFolder(t);
  const authority = await makeAuthority(directory, 'ca');
  const { certificate, key } = await authority.issue('first');
  const env = { ...empty, TEMPORAL_TLS_CLIENT_CERT_PATH: certificate, TEMPORAL_TLS_CLIENT_KEY_PATH: key };
  await chmod(certificate, 0o666);
  await assert.rejects(resolveServer({}, env), refused(/can be written by other users: run "chmod go-w /));
  await chmod(certificate, 0o644);
  await chmod(key, 0o644);
  await assert.rejects(resolveServer({}, env), refused(new RegExp(`the client key ${key} can be read by every user`)));
  await chmod(key, 0o640);
  await resolveServer({}, env);
  const { TEMPORAL_CONFIG_FILE: file } = await profiles(t, '[profile.default]\naddress = "a:1"\n');
  await chmod(file, 0o666);
  await assert.rejects(resolveServer({}, { TEMPORAL_CONFIG_FILE: file }), refused(/can be written by other users/));
});
