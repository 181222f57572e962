/** Certificates for tests, made by the openssl program: an authority, and what it issues. */

import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/run.ts';

/** Paths of PEM files. */
export interface Pair {
  certificate: string;
  key: string;
}

export interface Authority extends Pair {
  /** `days` below 0: it has expired. */
  issue(name: string, options?: { days?: number; names?: string }): Promise<Pair>;
}

export async function makeAuthority(directory: string, name: string): Promise<Authority> {
  const path = (of: string, kind: string) => join(directory, `${of}.${kind}`);
  const own = { certificate: path(name, 'pem'), key: path(name, 'key') };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run([
    'openssl',
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    own.key,
    '-out',
    own.certificate,
    '-days',
    '30',
    '-subj',
    `/CN=${name}`,
  ]);
  return {
    ...own,
    async issue(subject, { days = 30, names = `DNS:${subject}` } = {}) {
      const pair = { certificate: path(subject, 'pem'), key: path(subject, 'key') };
      const [request, extensions] = [path(subject, 'csr'), path(subject, 'ext')];
      await writeFile(extensions, `subjectAltName=${names}\n`);
      await run(['openssl', 'req', ...newKey, '-keyout', pair.key, '-out', request, '-subj', `/CN=${subject}`]);
      const signed = ['-CA', own.certificate, '-CAkey', own.key, '-CAcreateserial', '-days', String(days)];
      await run(['openssl', 'x509', '-req', '-in', request, '-out', pair.certificate, '-extfile', extensions, ...signed]);
      await chmod(pair.key, 0o600);
      return pair;
    },
  };
}
