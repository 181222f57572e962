/** Reads /proc/net/dev: what each interface has received and sent (proc(5)). */

import type { JsonObject } from '../../../protocol/json.ts';

/** By interface, with the names of the guest agent's schema. Other lines are ignored. */
export function parseNetDev(text: string): Map<string, JsonObject> {
  const statistics = new Map<string, JsonObject>();
  for (const line of text.split('\n')) {
    const parsed = /^ *([^ :]+): *(\d+(?: +\d+){15})\s*$/.exec(line);
    if (!parsed) continue;
    const fields = parsed[2]!.split(/ +/);
    statistics.set(parsed[1]!, Object.fromEntries(columns.map(([key, column]) => [key, BigInt(fields[column]!)])));
  }
  return statistics;
}

const columns = [
  ['rx-bytes', 0],
  ['rx-packets', 1],
  ['rx-errs', 2],
  ['rx-dropped', 3],
  ['tx-bytes', 8],
  ['tx-packets', 9],
  ['tx-errs', 10],
  ['tx-dropped', 11],
] as const;
