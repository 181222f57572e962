/** Times for people. */

import { escapeText } from '../../lib/escape.ts';

/** Wall clock to the second, UTC: `2026-01-02 03:04:05Z`. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? escapeText(iso) : `${time.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
