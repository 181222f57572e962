/** Where the journal keeps what is owed for the first window of a guest, by backup `b-1`. */

import { join } from 'node:path';

const window = '000000000001.b-1.1.json';

export function copiesOf(stateDir: string, guest: string): [first: string, second: string] {
  return [join(stateDir, 'journal', guest, `open.${window}`), join(stateDir, 'owed', `${guest}@${window}`)];
}
