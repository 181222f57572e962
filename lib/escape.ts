/** Makes text of a guest or a peer safe to show: one line, nothing that a terminal would obey. */

/**
 * Control characters (C0, DEL, C1), line separators, and the marks that turn the direction of text or are not seen at all:
 * a guest that prints them could redraw the terminal or fake one of our lines.
 */
// oxlint-disable-next-line no-control-regex -- these are the characters to escape
const unsafe = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Text as one safe line; a character that a terminal would obey is shown as `\x1b` or `\u202e`. */
export function escapeText(text: string): string {
  return text.toWellFormed().replaceAll(unsafe, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** Characters of an error's text or class that are kept: a guest or QEMU writes them, and they go into logs and histories. */
const longestError = 400;

/** What a peer calls its error, or says about it. */
export function escapeError(text: string): string {
  return escapeAndCut(text, longestError);
}

/** The beginning of a foreign text, for an error or a log: a peer that sends megabytes must not fill what keeps it. */
export function escapeAndCut(text: string, most: number): string {
  return escapeText(text.length <= most ? text : `${text.slice(0, most)}…`);
}
