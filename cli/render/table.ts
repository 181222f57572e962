/** Tables: aligned columns, plain text, cut to the terminal's width only where there is one. */

import { escapeText } from '../../lib/escape.ts';

/** Every cell is escaped here, so that no caller can forget it. */
export function renderTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  { width }: { width: number | undefined },
): string {
  const cells = [headers, ...rows.map((row) => row.map((cell) => (cell === '' ? '-' : escapeText(cell))))];
  const widths = headers.map((_, column) => Math.max(...cells.map((row) => displayWidth(row[column] ?? ''))));
  return cells
    .map((row) => {
      const line = row.map((cell, column) => (column === row.length - 1 ? cell : pad(cell, widths[column]!))).join('  ');
      return `${cut(line, width)}\n`;
    })
    .join('');
}

/** Labels and values, one a line; a list of values stands below one another. */
export function renderFields(fields: readonly (readonly [label: string, value: string | readonly string[]])[]): string {
  const width = Math.max(...fields.map(([label]) => label.length));
  return fields
    .flatMap(([label, value]) => {
      const lines = typeof value === 'string' ? [value] : value;
      return lines.map((line, index) => `${(index === 0 ? label : '').padEnd(width)}  ${escapeText(line)}\n`);
    })
    .join('');
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - displayWidth(cell)));
}

function cut(line: string, width: number | undefined): string {
  if (width === undefined || displayWidth(line) <= width) return line;
  const characters = [...line];
  while (displayWidth(characters.join('')) > width - 1) characters.pop();
  return `${characters.join('')}…`;
}

/** Columns on a terminal: East Asian wide and fullwidth characters and emoji take two, combining marks none (UAX #11). */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
