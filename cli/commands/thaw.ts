/** `stillframe thaw --local`: ends whatever this host owes its guests, without a server. */

import { StillframeError } from '../../model/errors.ts';
import type { PursuedObligation, WindowOutcome } from '../../model/window/window.ts';
import { command } from '../command.ts';
import type { Context } from '../context.ts';
import { askEntry } from '../entry.ts';
import { exit } from '../exit.ts';
import { jsonFlag, stateFlag, stateOf } from '../flags.ts';
import { printJson } from '../render/json.ts';
import { renderTable } from '../render/table.ts';
import { heldText } from '../render/window.ts';

interface Flags {
  local?: boolean;
  state?: string;
  json: boolean;
}

export const thaw = command(
  {
    docs: {
      customUsage: ['--local [--state DIR]'],
      brief: 'Thaw every guest of this host that is owed a thaw, without a server',
      fullDescription:
        'Thaw every guest of this host that the journal says is owed a thaw: asks the warden, and acts from the journal alone when\nit does not answer. Safe to repeat. For one guest by way of the server: "stillframe guest thaw GUEST".',
    },
    parameters: {
      flags: {
        local: { kind: 'boolean', optional: true, withNegated: false, brief: 'Required: it acts on this host itself' },
        state: stateFlag,
        json: jsonFlag,
      },
    },
    async func(this: Context, flags: Flags) {
      if (flags.local !== true) {
        throw new StillframeError(
          'input-invalid',
          'say which thaw: "stillframe thaw --local" for all that this host owes, "stillframe guest thaw GUEST" for one guest by way of the server',
        );
      }
      const pursued: PursuedObligation[] = [];
      const status = await askEntry(this, 'thaw-local', ['--state', stateOf(this, flags.state)], (line) =>
        pursued.push(line as PursuedObligation),
      );
      const unconfirmed = pursued.filter(({ outcome }) => outcome === null);
      if (status !== 0) this.process.exitCode = unconfirmed.length > 0 ? exit.unknown : exit.error;
      if (flags.json) return printJson(this, pursued);
      if (pursued.length === 0 && status === 0) {
        this.process.stdout.write('This host owes no guest a thaw.\n');
        return;
      }
      if (pursued.length === 0) return;
      const rows = pursued.map(({ guest, guestName, epoch, outcome, damaged }) => [
        guestName,
        damaged ? 'journal damaged' : (outcome?.closing ?? 'not confirmed'),
        outcome?.thawedBy ?? '',
        held(outcome),
        epoch === null ? '' : String(epoch),
        guest,
      ]);
      const width = this.isTTY ? this.columns : undefined;
      this.process.stdout.write(renderTable(['GUEST', 'STATUS', 'THAWED BY', 'HELD', 'EPOCH', 'ID'], rows, { width }));
      for (const { guest, damaged } of unconfirmed) {
        if (!damaged) continue;
        this.process.stderr.write(
          `What guest ${guest} is owed cannot be read: run "stillframe guest thaw ${guest}", then remove ${damaged.join(' and ')}.\n`,
        );
      }
      if (unconfirmed.some(({ damaged }) => !damaged)) {
        this.process.stderr.write('Not confirmed yet: run it again; a running warden keeps trying by itself.\n');
      }
    },
  },
  ['unknown'],
);

function held(outcome: WindowOutcome | null): string {
  return outcome === null ? '' : heldText(outcome.times, outcome.claim.lease?.heldMs ?? null);
}
