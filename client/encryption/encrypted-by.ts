/** Payloads and failures that only the holders of a key file can read. */

import type { DataConverter } from '@temporalio/common';
import { fileURLToPath } from 'node:url';
import { clearCodec, createCodec } from './codec.ts';
import { openKeys } from './keys.ts';

/** Failures of workflows are converted inside their bundle, so that the bundle contains this module too. */
export const failureConverterPath = fileURLToPath(new URL('./failure-converter.ts', import.meta.url));

/** Without a key file. */
export const inClear: DataConverter = { payloadCodecs: [clearCodec] };

/** The data converter of clients and workers that share the key file. @throws connection-invalid */
export async function encryptedBy(keyFile: string): Promise<DataConverter> {
  return { payloadCodecs: [await createCodec(await openKeys(keyFile))], failureConverterPath };
}
