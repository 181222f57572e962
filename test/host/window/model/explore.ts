/** Visits every state of a model, the nearest first, and finds a shortest way to a state that breaks what must hold. */

export interface Move<State> {
  /** Who does what. */
  name: string;
  next: State;
  /**
   * It happens sooner or later, because a party that lives or is started again does it. Faults are not due, nor is what a party may
   * do and need not.
   */
  due: boolean;
}

export interface Model<State> {
  initial: State;
  /** Equal for equal states only. */
  key(state: State): string;
  moves(state: State): Move<State>[];
  /** What is wrong with this state, or null. */
  wrong(state: State): string | null;
  /** A state in which all may rest. From every state one must be reachable by due moves alone. */
  isAtRest(state: State): boolean;
}

export interface Exploration {
  states: number;
  refuted: Counterexample | null;
}

export interface Counterexample {
  what: string;
  /** The moves that lead there from the initial state. */
  moves: string[];
}

/** So many states mean that something in the model counts without a bound. */
const mostStates = 2_000_000;

export function explore<State>({ initial, key, moves, wrong, isAtRest }: Model<State>): Exploration {
  const states = [initial];
  const found = new Map([[key(initial), 0]]);
  const origins: { from: number; move: string }[] = [{ from: -1, move: '' }];
  /** For each state, those from which a due move leads to it. */
  const dueFrom: number[][] = [[]];

  const wayTo = (index: number): string[] => {
    const way: string[] = [];
    for (let at = index; at > 0; at = origins[at]!.from) way.push(origins[at]!.move);
    return way.toReversed();
  };
  const refute = (what: string, index: number): Exploration => ({
    states: states.length,
    refuted: { what, moves: wayTo(index) },
  });

  for (let from = 0; from < states.length; from++) {
    const what = wrong(states[from]!);
    if (what !== null) return refute(what, from);
    for (const { name, next, due } of moves(states[from]!)) {
      const text = key(next);
      let to = found.get(text);
      if (to === undefined) {
        to = states.push(next) - 1;
        if (to > mostStates) throw new Error(`more than ${mostStates} states`);
        found.set(text, to);
        origins.push({ from, move: name });
        dueFrom.push([]);
      }
      if (due) dueFrom[to]!.push(from);
    }
  }

  const rests = states.flatMap((state, index) => (isAtRest(state) ? [index] : []));
  const canRest = new Set(rests);
  for (let to = rests.pop(); to !== undefined; to = rests.pop()) {
    for (const from of dueFrom[to]!) {
      if (canRest.has(from)) continue;
      canRest.add(from);
      rests.push(from);
    }
  }
  const stuck = states.findIndex((_, index) => !canRest.has(index));
  return stuck < 0 ? { states: states.length, refuted: null } : refute('nothing that is due leads to a rest any more', stuck);
}
