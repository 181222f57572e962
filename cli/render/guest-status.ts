/** What is known of one guest's freeze, for people. */

import { formatDuration } from '../../model/units.ts';
import type { GuestStatus } from '../../model/workflows/guest-command.ts';
import { leaseFields } from './lease.ts';
import { formatTime } from './text.ts';
import { windowEndText } from './window.ts';

type Field = readonly [label: string, value: string | readonly string[]];

export function statusFields({ agent, unanswered, lease, window, strayFoundAt, last }: GuestStatus): Field[] {
  return [
    ['agent says', agent ?? `nothing: ${unanswered?.message ?? 'it was not asked'}`],
    ...leaseFields(lease),
    ...(strayFoundAt === undefined ? [] : [['found frozen', `${formatTime(strayFoundAt)}, by no window of Stillframe`] as const]),
    ['window', window === null ? 'no Stillframe window is open' : owedText(window)],
    ...(last === undefined ? [] : [['last window', windowEndText(last)] as const]),
  ];
}

/** `open since … under a lease of 10.0 s (backup …, epoch 7); its thaw is overdue by 3.0 s` */
export function owedText({ openedAt, leaseMs, backup, epoch, remainingMs }: NonNullable<GuestStatus['window']>): string {
  const late = remainingMs !== undefined && remainingMs < 0 ? `; its thaw is overdue by ${formatDuration(-remainingMs)}` : '';
  return `open since ${formatTime(openedAt)} under a lease of ${formatDuration(leaseMs)} (backup ${backup}, epoch ${epoch})${late}`;
}
