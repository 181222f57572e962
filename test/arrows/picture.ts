/** CONTRIBUTING.md's picture of the rooms, made from their table. */

import { roomNames, rooms, type RoomName } from './rooms.ts';

const first = '<!-- Made from test/arrows/rooms.ts by "npm run picture". -->';
const last = '<!-- The end of what is made. -->';

/** `document` with the picture between its two marks as the table has it now. */
export function withPicture(document: string): string {
  const [start, end] = [document.indexOf(first), document.indexOf(last)];
  if (start < 0 || end < start) throw new Error(`CONTRIBUTING.md needs the lines ${first} and ${last}, in this order`);
  return `${document.slice(0, start)}${first}\n\n\`\`\`\n${roomNames.map(lines).join('\n')}\n\`\`\`\n\n${document.slice(end)}`;
}

function lines(name: RoomName): string {
  const { holds, imports, types, starts, packages } = rooms[name];
  const arrows = [
    named('', typeof imports === 'string' ? [imports] : imports),
    named('types of ', types),
    named('starts ', starts),
    named('', packages),
  ].filter((each) => each !== '');
  return `${name.padEnd(column)}${holds}\n${' '.repeat(column)}-> ${arrows.join('; ') || 'nothing'}`;
}

const column = 24;

function named(what: string, names: readonly string[] = []): string {
  return names.length === 0 ? '' : `${what}${names.join(', ')}`;
}
