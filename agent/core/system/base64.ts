/** Base64 as clients send it. */

import { CommandError } from '../command-error.ts';
import type { Platform } from '../platform.ts';

/** @throws CommandError in qemu-ga's words; also for a truncated text, of which qemu-ga silently loses the end */
export function decodeBase64({ bytes }: Platform, text: string): Uint8Array {
  const decoded = bytes.fromBase64(text);
  if (decoded) return decoded;
  throw new CommandError(
    /[^A-Za-z0-9+/=\n]/.test(text)
      ? 'Base64 data contains invalid characters'
      : 'Base64 data is incomplete: its last group has fewer than four characters',
  );
}
