/** The cluster's certificates: one authority between its own processes, one for its clients, and a certificate for each role. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/run.ts';

export interface Certificate {
  cert: string;
  key: string;
}

/** Long enough for a day of trying; a cluster that is kept gets its certificates from its owner's authority. */
const days = '30';

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes the files of an authority in `directory`, which is created for this user alone. */
export async function makeAuthority(directory: string, name: string): Promise<Certificate> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const authority = at(directory, name);
  const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'];
  await run(['openssl', 'req', '-x509', ...curve, '-days', days, '-subj', `/CN=${name}`, ...extensions, ...files(authority)]);
  return authority;
}

/**
 * A certificate for `commonName`, which the server reads as the caller's role.
 * @param hosts subject alternative names, such as `DNS:temporal.internal`: those of a server; none for a client
 */
export async function issue(
  directory: string,
  authority: Certificate,
  { commonName, hosts = [], usage = 'clientAuth' }: { commonName: string; hosts?: string[]; usage?: string },
): Promise<Certificate> {
  const issued = at(directory, commonName);
  const request = join(directory, `${commonName}.csr`);
  const extensions = join(directory, `${commonName}.ext`);
  await run(['openssl', 'req', ...curve, '-subj', `/CN=${commonName}`, '-keyout', issued.key, '-out', request]);
  const names = hosts.length === 0 ? '' : `subjectAltName=${hosts.join(',')}\n`;
  await writeFile(
    extensions,
    `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=${usage}\n${names}`,
  );
  const from = ['-in', request, '-CA', authority.cert, '-CAkey', authority.key, '-extfile', extensions];
  await run(['openssl', 'x509', '-req', ...from, '-days', days, '-out', issued.cert]);
  return issued;
}

const at = (directory: string, name: string): Certificate => ({
  cert: join(directory, `${name}.pem`),
  key: join(directory, `${name}.key`),
});

const files = ({ cert, key }: Certificate): string[] => ['-keyout', key, '-out', cert];
