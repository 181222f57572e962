/** A host's key for tests. */

import { rm } from 'node:fs/promises';
import { hostId } from '../../model/ids.ts';
import { openSigner, type Signer } from '../../repository/signature.ts';
import { makeFolder } from '../support/folder.ts';

/** Of the host of the sample point, unless another one is named; its files are gone. */
export async function newSigner(host = 'rack1-a'): Promise<Signer> {
  const folder = await makeFolder();
  try {
    return await openSigner(folder, hostId(host));
  } finally {
    await rm(folder, { recursive: true });
  }
}
