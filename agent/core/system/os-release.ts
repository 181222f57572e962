/** Reads os-release(5): assignments as a shell would read them. */

/** A later assignment to a name replaces an earlier one; other lines are ignored. */
export function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const assignment = /^\s*([A-Za-z_][A-Za-z0-9_]*)=/.exec(line);
    if (assignment) values.set(assignment[1]!, readWord(line.slice(assignment[0].length)));
  }
  return values;
}

/** Between double quotes a shell keeps the backslash before a single quote; os-release(5) escapes quotes of both kinds, and so does qemu-ga. */
const escapable = '$`"\'\\';

/** Up to the first blank or `;` outside quotes; an unclosed quote extends to the end of the line. */
function readWord(text: string): string {
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    const next = text[at + 1];
    if (character === '\\' && quote !== "'" && next !== undefined) {
      word += quote === '' || escapable.includes(next) ? next : character + next;
      at++;
    } else if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (quote === '' && /[\s;]/.test(character)) return word;
    else word += character;
  }
  return word;
}
