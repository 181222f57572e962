/** The guest of the model: its agent, stock or ours, reads each channel in order; it may restart, and the guest may. */

import { receive } from './links.ts';
import { epochs, statusName, type Epoch } from './peer-programs.ts';
import type { Rules } from './rules.ts';
import { worker, type Add, type Party, type State } from './state.ts';

export function agentMoves(state: State, rules: Rules, add: Add): void {
  const { guest, ports, left } = state;
  for (const [port, { client, unread }] of ports.entries()) {
    const [first] = unread;
    if (!first) continue;
    const run = (text: string, due: boolean, options: { empty?: boolean; lost?: boolean }) =>
      add(`the agent runs "${first.command}" from channel ${port + 1}${text}`, due, (next) => {
        next.ports[port]!.unread.shift();
        const reply = execute(next, rules, first.command, options.empty ?? false);
        if (options.empty) next.left.emptyThaws--;
        if (options.lost) next.left.silences--;
        else if (client !== null && (first.mine || !rules.sync)) receive(next, rules, client, reply, guest.boot);
      });
    run('', true, {});
    if (first.mine && left.silences > 0) run(', and its reply is lost', false, { lost: true });
    if (first.command.startsWith('thaw') && guest.frozen !== 0 && left.emptyThaws > 0)
      run(', which thaws nothing', false, { empty: true });
  }

  if (rules.agent === 'stillframe' && guest.frozen !== 0)
    add('the lease in the guest ends the freeze', true, ({ guest: next }) => {
      next.last = { epoch: guest.frozen as Epoch, fired: true };
      next.frozen = 0;
    });
  if (left.agents > 0)
    add('the agent is killed and comes back', false, (next) => {
      next.left.agents--;
      // A stock agent finds the filesystems frozen still. The guard of ours thaws, and its successor knows of no epoch.
      if (rules.agent === 'stillframe') Object.assign(next.guest, { frozen: 0, last: null });
    });
  if (left.resets > 0)
    add('the guest starts again', false, (next) => {
      next.left.resets--;
      Object.assign(next.guest, { boot: guest.boot + 1, frozen: 0, last: null });
      // What the guest's port had is gone. What a client has sent since waits in its socket for the agent of the new boot.
      for (const port of next.ports) port.unread = port.unread.filter(({ mine }) => mine);
      const party = next.parties[worker]!;
      if (isWatched(party)) party.reset = true;
    });
}

const isWatched = ({ stage }: Party) => ['look', 'begin', 'copy', 'freeze', 'frozen', 'capture', 'prove', 'thaw'].includes(stage);

/** Changes the guest as the agent does, and returns its reply by name. */
function execute({ guest, parties }: State, { agent }: Rules, command: string, empty: boolean): string {
  const epoch = epochs.find((each) => command.endsWith(` epoch ${each}`));
  if (command === 'sync' || command === 'list') return command === 'sync' ? 'synced' : 'none';
  if (command === 'status') return guest.frozen === 0 ? 'thawed' : 'frozen';
  if (command === 'status of epoch') {
    const since = parties[worker]!.boot;
    return statusName(guest.boot === since ? 0 : 1, guest.frozen === 0 ? null : guest.frozen);
  }
  if (command.startsWith('freeze')) {
    const wanted = epoch ?? (Number(command.split(' ')[1]) as Epoch);
    if (guest.frozen !== 0 || (agent === 'stillframe' && guest.last?.epoch === wanted)) return 'refused';
    Object.assign(guest, { frozen: wanted, last: null });
    return '1';
  }
  if (command === 'thaw') return thawPlainly(guest, empty);
  const known = guest.last?.epoch ?? (guest.frozen === 0 ? undefined : guest.frozen);
  if (known !== epoch || empty) return 'refused';
  if (guest.frozen !== 0) Object.assign(guest, { frozen: 0, last: { epoch: guest.frozen, fired: false } });
  return guest.last!.fired ? 'fired' : 'ended';
}

function thawPlainly(guest: State['guest'], empty: boolean): string {
  if (guest.frozen === 0 || empty) return '0';
  Object.assign(guest, { last: { epoch: guest.frozen, fired: false }, frozen: 0 });
  return '1';
}
