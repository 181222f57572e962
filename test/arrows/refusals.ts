/** The imports that the table of rooms refuses, each as `file:line: what is wrong`. */

import type { Import } from './imports.ts';
import { importsOf, roomOf, rooms, type RoomName } from './rooms.ts';

export function refusalsOf(imports: readonly Import[]): string[] {
  return imports.flatMap((each) => {
    const why = refusal(each);
    return why === undefined ? [] : [`${each.file}:${each.line}: ${why} (${each.how})`];
  });
}

function refusal({ file, to, target, how }: Import): string | undefined {
  const from = roomOf(file);
  if (from === undefined) return 'this file is in no room of test/arrows/rooms.ts, so it may import nothing';
  if (to === 'package') return mayUse(from, target) ? undefined : `room ${from} may not import ${target}`;
  // Where processes are started by path, a path may come together at run time; a wrong room there is seen where it is written.
  if (to === 'computed') return startsAny(from) ? undefined : `room ${from} may not import ${target}; write it as a literal`;
  const room = roomOf(target);
  if (room === undefined) return `room ${from} may not import ${target}, which is in no room of test/arrows/rooms.ts`;
  if (room === from || importsOf(from).includes(room)) return undefined;
  const { types = [], starts = [] } = rooms[from];
  if (how === 'type' && types.includes(room)) return undefined;
  if (how === 'path' && starts.includes(room)) return undefined;
  if (types.includes(room)) return `room ${from} may import room ${room} by type only`;
  if (starts.includes(room)) return `room ${from} may start files of room ${room} by path, and not import them`;
  return `room ${from} may not import room ${room}`;
}

function startsAny(room: RoomName): boolean {
  return rooms[room].starts !== undefined || rooms[room].imports === 'every room below';
}

function mayUse(room: RoomName, name: string): boolean {
  return rooms[room].packages.some((each) => (each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : name === each));
}
