/** The certificate files that settings name: checked where they are read, so that an error has the file and not a failed handshake. */

import type { ClientConfigTLS } from '@temporalio/envconfig';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { demandOwn, WritableByOthersError } from '../lib/strict-modes.ts';
import { messageOf, StillframeError } from '../model/errors.ts';

type Source = NonNullable<ClientConfigTLS['clientCert']>;

/** @throws connection-invalid with the file and what is wrong with it */
export async function checkCertificates(tls: ClientConfigTLS | undefined): Promise<void> {
  if (tls === undefined || tls.disabled) return;
  const { clientCert, clientKey, serverCACert } = tls;
  for (const source of [clientCert, clientKey, serverCACert]) if (source && 'path' in source) await demandOwnFile(source.path);
  if (clientKey && 'path' in clientKey) await demandSecret(clientKey.path);
  if (serverCACert) read('certificates of the CA', serverCACert, (pem) => new X509Certificate(pem));
  // The SDK leaves both out when one is missing, and connects without any.
  if (!clientCert !== !clientKey) {
    const [given, missing] = clientCert ? ['certificate', 'key'] : ['key', 'certificate'];
    throw invalid(`the settings have a client ${given} without its ${missing}: name both or neither`);
  }
  if (!clientCert || !clientKey) return;
  const certificate = read('client certificate', clientCert, (pem) => new X509Certificate(pem));
  const key = read('client key', clientKey, (pem) => createPrivateKey(pem));
  if (!certificate.checkPrivateKey(key)) {
    throw invalid(`the client key ${nameOf(clientKey)} does not belong to the client certificate ${nameOf(clientCert)}`);
  }
}

/** They decide which server is believed, and who this client is. One that is missing is named where it is read. */
async function demandOwnFile(path: string): Promise<void> {
  await demandOwn(path).catch((error: unknown) => {
    if (error instanceof WritableByOthersError) throw invalid(error.message);
  });
}

const othersMayRead = 0o004;

/** A group may read it, as ssl-cert does on Debian. */
async function demandSecret(path: string): Promise<void> {
  const mode = (await stat(path).catch(() => undefined))?.mode ?? 0;
  if ((mode & othersMayRead) !== 0) throw invalid(`the client key ${path} can be read by every user: run "chmod o-r ${path}"`);
}

function read<T>(what: string, source: Source, parse: (pem: Buffer) => T): T {
  try {
    return parse('path' in source ? readFileSync(source.path) : Buffer.from(source.data));
  } catch (error) {
    throw invalid(`the ${what} ${nameOf(source)} cannot be read as PEM (${messageOf(error)})`);
  }
}

function nameOf(source: Source): string {
  return 'path' in source ? source.path : 'in the settings';
}

function invalid(problem: string): StillframeError {
  return new StillframeError('connection-invalid', `${problem}; correct the TEMPORAL_TLS_* variables or tls in the profile`);
}
