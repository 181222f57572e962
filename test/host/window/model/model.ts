/** The model of a window for the explorer: where it begins, what must hold in every state, and where all may rest. */

import type { Model } from './explore.ts';
import { movesOf } from './moves.ts';
import type { Rules } from './rules.ts';
import { copyOf, idle, keyOf, owedIn, type Faults, type State } from './state.ts';

const none: Faults = { ends: 0, resets: 0, agents: 0, cuts: 0, silences: 0, emptyThaws: 0, damages: 0 };

/** `settlers`: how many may end what the worker leaves: the warden, and somebody whose demand comes late. */
export function windowModel(rules: Rules, faults: Partial<Faults>, settlers: 1 | 2): Model<State> {
  const port = { client: null, unread: [] };
  const initial: State = {
    guest: { boot: 0, frozen: 0, last: null },
    ports: rules.otherChannel ? [port, port] : [port],
    copies: [0, 0],
    closed: [],
    parties: Array.from({ length: 1 + settlers }, () => idle),
    left: { ...none, ...faults },
    falseClaim: false,
  };
  return {
    initial: copyOf(initial),
    key: keyOf,
    moves: (state) => movesOf(state, rules),
    wrong,
    isAtRest,
  };
}

function wrong({ falseClaim, closed, guest, ports }: State): string | null {
  if (falseClaim) return 'an outcome claims a freeze that was not in force all through the point in time';
  for (const epoch of closed) {
    if (guest.frozen === epoch) return `epoch ${epoch} is closed, and the guest is frozen by it`;
    if (ports.some(({ unread }) => unread.some(({ command }) => command.startsWith('freeze') && command.endsWith(` ${epoch}`))))
      return `epoch ${epoch} is closed, and its freeze can still run`;
  }
  return null;
}

/** Thawed, nothing is owed, and nobody is about to do anything. A journal that cannot be read is reported, and its guest thawed by hand. */
function isAtRest(state: State): boolean {
  const { guest, ports, parties } = state;
  const owed = owedIn(state);
  return (
    guest.frozen === 0 &&
    (owed === 0 || owed === 'unreadable') &&
    ports.every(({ unread }) => unread.every(({ command }) => !command.startsWith('freeze'))) &&
    parties.every(({ stage }) => stage === 'idle')
  );
}
