/** Text for people: escapes for what a guest says, times. */

/**
 * Control characters (C0, DEL, C1), line separators, and the marks that turn the direction of text or are not seen at all:
 * a guest that prints them could redraw the terminal or fake one of our lines.
 */
// oxlint-disable-next-line no-control-regex -- they are what this is about
const unsafe = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Text of a guest or a peer as one safe line; what it would do to a terminal is shown as `\x1b` or `\u202e`. */
export function escapeText(text: string): string {
  return text.toWellFormed().replaceAll(unsafe, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** Wall clock to the second, UTC: `2026-01-02 03:04:05Z`. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? escapeText(iso) : `${time.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
