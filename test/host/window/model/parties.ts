/** What the parties do in turn: the worker from the intent to the outcome of a window, and those who settle from the journal alone. */

import { connect, disconnect, toThaw } from './links.ts';
import { epochs, type Epoch } from './peer-programs.ts';
import { claimsHeld, type Rules } from './rules.ts';
import { idle, nameOf, owedIn, worker, type Add, type Party, type State } from './state.ts';

export function workerMoves(state: State, rules: Rules, add: Add): void {
  const party = state.parties[worker]!;
  const name = nameOf(worker);
  const owed = owedIn(state);
  const change = (text: string, due: boolean, how: (party: Party, next: State) => void) =>
    add(`${name} ${text}`, due, (next) => how(next.parties[worker]!, next));

  switch (party.stage) {
    case 'idle':
      // Nothing obliges anybody to open a window.
      if (state.ports[0]!.client === null && nextEpoch(state) !== null)
        change('connects for a new window', false, (mine, next) => {
          mine.stage = 'look';
          connect(next, rules, worker, 0);
        });
      return;
    case 'begin': {
      const epoch = nextEpoch(state);
      if (owed !== 0 || epoch === null)
        return change('refuses the window: a thaw is owed', true, (mine) => (mine.stage = 'leave'));
      if (!rules.intentFirst)
        return change(`takes epoch ${epoch}`, true, (mine) => Object.assign(mine, { stage: 'freeze', epoch, replies: '' }));
      return change(`writes the intent of epoch ${epoch}`, true, (mine, next) => {
        next.copies[0] = epoch;
        Object.assign(mine, { epoch, stage: rules.copies === 2 ? 'copy' : 'freeze', replies: '' });
      });
    }
    case 'copy':
      return change('writes the second copy', true, (mine, next) => {
        next.copies[1] = party.epoch;
        mine.stage = 'freeze';
      });
    case 'frozen':
      change('begins the point in time', true, (mine, next) => {
        if (!rules.intentFirst) next.copies = [party.epoch, party.epoch];
        Object.assign(mine, { stage: 'capture', held: state.guest.frozen === party.epoch });
      });
      break;
    case 'capture':
      change('has the point in time', true, (mine) => Object.assign(mine, { stage: 'prove', captured: true, replies: '' }));
      break;
    case 'thaw':
      if (party.reset && !rules.resetIsNoEvidence)
        change('takes the reset as evidence', true, (mine, next) => {
          disconnect(next, rules, worker);
          mine.stage = 'outcome';
        });
      return;
    case 'outcome':
    case 'close':
    case 'close other':
    case 'leave':
      return closeMoves(state, rules, worker, add);
    case 'look':
    case 'asks':
    case 'asks again':
    case 'freeze':
    case 'prove':
      break;
  }
  if (party.epoch !== 0)
    change('ends its window: lease, demand or event', party.reset, (mine, next) => {
      if (mine.link === 'waiting' || mine.reset) disconnect(next, rules, worker);
      toThaw(mine, rules);
    });
}

/** Null when the model has no more. */
function nextEpoch({ copies, closed }: State): Epoch | null {
  const used = Math.max(0, ...closed, ...copies.filter((copy) => copy !== 'unreadable'));
  return epochs.find((epoch) => epoch === used + 1) ?? null;
}

export function settlerMoves(state: State, rules: Rules, index: number, add: Add): void {
  const party = state.parties[index]!;
  const owed = owedIn(state);
  const change = (text: string, how: (party: Party, next: State) => void) =>
    add(`${nameOf(index)} ${text}`, true, (next) => how(next.parties[index]!, next));

  switch (party.stage) {
    case 'idle':
      if (!rules.pursuit || owed === 0 || owed === 'unreadable') return;
      if (!rules.endsHolder || state.parties[worker]!.epoch !== owed)
        change(`reads that epoch ${owed} is owed`, (mine) => Object.assign(mine, { stage: 'asks', epoch: owed }));
      // It need not: the worker may answer, or wake up, and end its window itself.
      else
        add(`${nameOf(index)} ends the worker that holds epoch ${owed}`, false, (next) => {
          disconnect(next, rules, worker);
          next.parties[worker] = { ...idle };
        });
      return;
    case 'asks':
      if (owed !== party.epoch) return change('finds that its epoch is not owed', (mine) => (mine.stage = 'leave'));
      for (const [port, { client }] of state.ports.entries())
        if (client === null)
          change(`connects to channel ${port + 1}`, (mine, next) => {
            mine.stage = 'asks again';
            connect(next, rules, index, port);
          });
      return;
    case 'asks again':
      if (party.link !== 'ready') return;
      if (owed !== party.epoch) return change('finds that its epoch is not owed any more', (mine) => (mine.stage = 'leave'));
      return change('asks the journal again: its epoch is owed', (mine) => Object.assign(mine, { stage: 'thaw', replies: '' }));
    case 'outcome':
    case 'close':
    case 'close other':
    case 'leave':
      return closeMoves(state, rules, index, add);
    case 'thaw':
    case 'look':
    case 'begin':
    case 'copy':
    case 'freeze':
    case 'frozen':
    case 'capture':
    case 'prove':
      return;
  }
}

/** Outcome first, then the intent, then the channel. */
function closeMoves(state: State, rules: Rules, index: number, add: Add): void {
  const { stage, epoch } = state.parties[index]!;
  const change = (text: string, how: (party: Party, next: State) => void) =>
    add(`${nameOf(index)} ${text}`, true, (next) => how(next.parties[index]!, next));

  if (stage === 'outcome')
    change(`writes the outcome of epoch ${epoch}`, (mine, next) => {
      if (!next.closed.includes(epoch as Epoch))
        next.closed = epochs.filter((each) => each === epoch || next.closed.includes(each));
      next.falseClaim ||= claimsHeld(rules, mine) && !mine.held;
      mine.stage = 'close';
    });
  // Each copy is read and removed in one moment.
  for (const [at, from] of (['close', 'close other'] as const).entries()) {
    if (stage !== from) continue;
    const copy = state.copies[at]!;
    const stays = copy !== 'unreadable' && copy > epoch && rules.laterIntentStays;
    change(stays ? `leaves copy ${at + 1} of a later intent` : `removes copy ${at + 1} of the intent`, (mine, next) => {
      if (!stays) next.copies[at] = 0;
      if (at === 0) mine.stage = 'close other';
      else mine.stage = rules.thawFirst || index !== worker ? 'leave' : 'thaw';
    });
  }
  if (stage === 'leave')
    change('leaves', (_, next) => {
      disconnect(next, rules, index);
      next.parties[index] = { ...idle };
    });
}
