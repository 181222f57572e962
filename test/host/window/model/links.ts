/** The connections of the parties: one client for each channel, replies in the order of the requests, and bytes that outlive their client. */

import type { Epoch, Program } from './peer-programs.ts';
import { confirms, type Rules } from './rules.ts';
import { nameOf, worker, type Add, type Party, type State } from './state.ts';

/** What a party sends, and how it finds that no reply comes. */
export function linkMoves(state: State, rules: Rules, index: number, add: Add): void {
  const party = state.parties[index]!;
  const change = (text: string, due: boolean, how: (party: Party, next: State) => void) =>
    add(`${nameOf(index)} ${text}`, due, (next) => how(next.parties[index]!, next));

  if (party.link === 'none' && party.stage === 'thaw' && index === worker)
    for (const [port, { client }] of state.ports.entries())
      if (client === null) change(`connects to channel ${port + 1}`, true, (_, next) => connect(next, rules, index, port));

  const step = party.link === 'ready' ? programOf(rules, party)?.get(party.replies) : undefined;
  if (step && 'send' in step)
    change(`sends "${step.send}" on channel ${party.port! + 1}`, true, (mine, next) => {
      // The stock freeze names no epoch; the model must know whose it is.
      const command = step.send === 'freeze' ? `freeze ${mine.epoch}` : step.send;
      next.ports[mine.port!]!.unread.push({ command, mine: true });
      mine.link = 'waiting';
    });

  if (party.link === 'none' && (party.stage === 'freeze' || party.stage === 'prove'))
    change('finds its channel closed', true, (mine) => toThaw(mine, rules));

  if (party.port === null) return;
  const isOut = party.link === 'waiting' || party.link === 'syncing';
  const isUnread = state.ports[party.port]!.unread.some(({ mine }) => mine);
  if (isOut && (!isUnread || party.reset)) change('waits in vain', true, (_, next) => lose(next, rules, index));
  if (isOut && isUnread && state.left.silences > 0)
    change('does not wait any longer', false, (_, next) => {
      next.left.silences--;
      lose(next, rules, index);
    });
  if (state.left.cuts > 0)
    change('loses its connection', false, (mine, next) => {
      next.left.cuts--;
      if (!rules.endOfFileIsNoEvidence && mine.stage === 'thaw') {
        disconnect(next, rules, index);
        mine.stage = 'outcome';
      } else lose(next, rules, index);
    });
}

function programOf({ programs }: Rules, { stage, epoch }: Party): Program<unknown> | undefined {
  if (stage === 'look') return programs.look;
  if (epoch === 0) return undefined;
  if (stage === 'freeze' || stage === 'prove' || stage === 'thaw') return programs[stage][epoch];
  return undefined;
}

/** Takes a reply, and what follows from it in the same moment. `boot` is that of the guest when it replied. */
export function receive(next: State, rules: Rules, index: number, reply: string, boot: number): void {
  const party = next.parties[index]!;
  // A reply without a request.
  if (party.link === 'ready') return lose(next, rules, index);
  if (party.link === 'syncing') {
    party.link = 'ready';
    return;
  }
  party.link = 'ready';
  party.replies = party.replies === '' ? reply : `${party.replies} ${reply}`;
  const { look, freeze, prove, thaw } = rules.programs;
  const epoch = party.epoch as Epoch;
  const step = programOf(rules, party)!.get(party.replies);
  // No agent gives this reply to this command: it was another client's.
  if (!step) return lose(next, rules, index);
  if ('send' in step) return;
  const replies = party.replies;
  party.replies = '';
  if (party.stage === 'look') {
    const { result } = look.get(replies) as { result: { frozen: boolean } };
    party.stage = result.frozen ? 'leave' : 'begin';
  } else if (party.stage === 'freeze') {
    party.boot = boot;
    const ended = freeze[epoch].get(replies)!;
    if ('refused' in ended) toThaw(party, rules);
    else party.stage = 'frozen';
  } else if (party.stage === 'prove') {
    const ended = prove[epoch].get(replies)!;
    party.doubts = 'result' in ended ? ended.result.doubts : null;
    toThaw(party, rules);
  } else {
    const ended = thaw[epoch].get(replies)!;
    if (!('result' in ended)) return;
    const { result } = ended;
    if (result.count !== null) party.answer ??= `${result.count}/${result.endOfEpoch}`;
    party.thawBoot = result.bootId === null ? null : boot;
    if (confirms(rules, result, party.port!)) party.stage = rules.thawFirst || index !== worker ? 'outcome' : 'leave';
    // The channel that the freeze went through may answer again.
    else if (party.port !== 0) lose(next, rules, index);
  }
}

export function toThaw(party: Party, { thawFirst }: Rules): void {
  Object.assign(party, { stage: thawFirst ? 'thaw' : 'outcome', replies: '' });
}

export function connect(next: State, { sync }: Rules, index: number, port: number): void {
  const party = next.parties[index]!;
  Object.assign(party, { port, link: sync ? 'syncing' : 'ready', replies: '' });
  const { unread } = (next.ports[port] = { ...next.ports[port]!, client: index });
  if (sync) unread.push({ command: 'sync', mine: true });
}

/**
 * Bytes that were sent stay where they are, and in their order. While no agent has opened the guest's port, as after a reset, QEMU drops
 * them with their client; but the agent of the new boot may have opened it already.
 */
export function disconnect(next: State, { sync }: Rules, index: number): void {
  const party = next.parties[index]!;
  if (party.port !== null) {
    const { unread } = next.ports[party.port]!;
    // A question without a client changes nothing, and its reply is skipped by the next sync.
    const stays = unread.filter(({ command }) => !(sync && questions.test(command)));
    next.ports[party.port] = { client: null, unread: stays.map(({ command }) => ({ command, mine: false })) };
  }
  Object.assign(party, { port: null, link: 'none', replies: '', reset: false });
}

const questions = /^(sync|status|list)/;

/** The connection is of no use any more; what that means depends on what was going on. */
function lose(next: State, rules: Rules, index: number): void {
  const party = next.parties[index]!;
  disconnect(next, rules, index);
  if (party.stage === 'look' || party.stage === 'begin') party.stage = 'leave';
  else if (party.stage === 'asks again' || (party.stage === 'thaw' && index !== worker)) party.stage = 'asks';
  else if (party.stage === 'freeze' || party.stage === 'prove') toThaw(party, rules);
}
