/** Everything that can happen next in a state of the model. */

import { agentMoves } from './agent.ts';
import type { Move } from './explore.ts';
import { disconnect, linkMoves } from './links.ts';
import { settlerMoves, workerMoves } from './parties.ts';
import type { Rules } from './rules.ts';
import { copyOf, idle, nameOf, worker, type Add, type State } from './state.ts';

export function movesOf(state: State, rules: Rules): Move<State>[] {
  const moves: Move<State>[] = [];
  const add: Add = (name, due, change) => {
    const next = copyOf(state);
    change(next);
    noteBreaks(next);
    moves.push({ name, next, due });
  };
  agentMoves(state, rules, add);
  for (const [index, { stage }] of state.parties.entries()) {
    if (index === worker) workerMoves(state, rules, add);
    else settlerMoves(state, rules, index, add);
    linkMoves(state, rules, index, add);
    if (stage === 'idle' || state.left.ends === 0) continue;
    // It is started again, and remembers nothing.
    add(`${nameOf(index)} dies`, false, (next) => {
      next.left.ends--;
      disconnect(next, rules, index);
      next.parties[index] = { ...idle };
    });
  }
  damageMoves(state, add);
  return moves;
}

/** The freeze must be in force all through the point in time. */
function noteBreaks({ parties, guest }: State): void {
  const party = parties[worker]!;
  if (party.stage === 'capture' && guest.frozen !== party.epoch) party.held = false;
}

function damageMoves({ copies, left }: State, add: Add): void {
  if (left.damages === 0) return;
  for (const [at, copy] of copies.entries()) {
    if (copy === 0 || copy === 'unreadable') continue;
    for (const damaged of [0, 'unreadable'] as const)
      add(`copy ${at + 1} of the intent is ${damaged === 0 ? 'removed' : 'damaged'}`, false, (next) => {
        next.copies[at] = damaged;
        next.left.damages--;
      });
  }
}
