/** Reads the logged-in users from the records of utmp(5). */

import type { Bytes } from '../platform.ts';

export interface Login {
  user: string;
  /** Seconds since 1970, with the fraction to the microsecond. */
  time: number;
}

/** `wide`: with the 64-bit times of glibc on 64-bit Arm; elsewhere they have 32 bits, to be compatible with 32-bit programs. */
export function parseUtmp(records: Uint8Array, codec: Bytes, wide: boolean): Login[] {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const size = wide ? 400 : 384;
  const logins: Login[] = [];
  for (let at = 0; at + size <= records.length; at += size) {
    if (view.getInt16(at, true) !== userProcess) continue;
    const seconds = wide ? Number(view.getBigInt64(at + 344, true)) : view.getInt32(at + 340, true);
    const microseconds = wide ? Number(view.getBigInt64(at + 352, true)) : view.getInt32(at + 344, true);
    const name = records.subarray(at + 44, at + 44 + nameBytes);
    const end = name.indexOf(0);
    logins.push({ user: codec.latin1(name, 0, end < 0 ? nameBytes : end), time: seconds + microseconds / 1e6 });
  }
  return logins;
}

/** Without a NUL when the field is full. */
const nameBytes = 32;

const userProcess = 7;
