/** Waiting for the end of a window no longer than a caller can. */

import { withDeadline } from '../../lib/deadline.ts';
import type { WindowOutcome } from '../../model/window/window.ts';
import type { OpenWindow } from './open-window.ts';
import { unconfirmed } from './refusals.ts';

/** How long a caller waits for a confirmation beyond the lease; the thaw itself continues until it is confirmed. */
export const confirmMs = 8_000;

/** The outcome, or thaw-unconfirmed: a guest that is stopped cannot answer, and an activity must not hang on it. */
export function waitForOutcome(window: OpenWindow, outcome: Promise<WindowOutcome>): Promise<WindowOutcome> {
  return withDeadline(outcome, window.remainingMs() + confirmMs, () => unconfirmed(window.intent));
}
