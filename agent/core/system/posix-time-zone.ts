/** Time zones as POSIX writes them in TZ and at the end of a TZif file: `CET-1CEST,M3.5.0,M10.5.0/3` (tzset(3)). */

export interface LocalTime {
  /** As people write it, `CEST`. */
  abbreviation: string;
  /** Seconds east of UTC. */
  offset: number;
}

/** The local time at `seconds` since 1970; undefined when `text` is not such a rule. */
export function localTimeByRule(text: string, seconds: number): LocalTime | undefined {
  const parsed = ruleSyntax.exec(text);
  if (!parsed) return undefined;
  const [, name, west, summerName, summerWest, rules] = parsed;
  const offset = eastOf(west!);
  const standard = { abbreviation: withoutBrackets(name!), offset };
  if (summerName === undefined) return rules === undefined ? standard : undefined;
  const summer = {
    abbreviation: withoutBrackets(summerName),
    offset: summerWest === undefined ? offset + 3600 : eastOf(summerWest),
  };
  const [, from, to] = (rules ?? ',M3.2.0,M11.1.0').split(',');
  const begin = parseChange(from!);
  const end = parseChange(to!);
  if (!begin || !end) return undefined;
  const year = new Date((seconds + offset) * 1000).getUTCFullYear();
  if (Number.isNaN(year)) return undefined;
  // Each is given in the local time that it ends.
  const beginsAt = changeAt(begin, year) - offset;
  const endsAt = changeAt(end, year) - summer.offset;
  const isSummer = beginsAt < endsAt ? seconds >= beginsAt && seconds < endsAt : seconds >= beginsAt || seconds < endsAt;
  return isSummer ? summer : standard;
}

const name = '([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)';
const time = String.raw`([+-]?\d{1,3}(?::\d{1,2}){0,2})`;
const ruleSyntax = new RegExp(`^${name}${time}(?:${name}${time}?)?(,[^,]+,[^,]+)?$`);

const withoutBrackets = (text: string) => text.replaceAll(/[<>]/g, '');

/** POSIX counts west of Greenwich. */
const eastOf = (west: string) => 0 - readTime(west);

/** `[+-]hh[:mm[:ss]]` in seconds. */
function readTime(text: string): number {
  const [hours, minutes, seconds] = text.replace(/^[+-]/, '').split(':').map(Number);
  const total = hours! * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0);
  return text.startsWith('-') ? -total : total;
}

interface Change {
  day: { month: number; week: number; weekday: number } | { julian: number } | { index: number };
  /** Seconds from midnight; may lie outside of the day (RFC 9636, 3.3.1). */
  time: number;
}

function parseChange(text: string): Change | undefined {
  const parsed = changeSyntax.exec(text);
  if (!parsed) return undefined;
  const [, month, week, weekday, julian, index, at] = parsed;
  const when = readTime(at ?? '2');
  if (month !== undefined) return { day: { month: Number(month), week: Number(week), weekday: Number(weekday) }, time: when };
  return { day: julian === undefined ? { index: Number(index) } : { julian: Number(julian) }, time: when };
}

const changeSyntax = new RegExp(String.raw`^(?:M(\d{1,2})\.([1-5])\.([0-6])|J(\d{1,3})|(\d{1,3}))(?:/${time})?$`);

const daySeconds = 86_400;

/** As if local time were UTC. */
function changeAt({ day, time: when }: Change, year: number): number {
  return dayOf(day, year) * daySeconds + when;
}

/** Days since 1970. */
function dayOf(day: Change['day'], year: number): number {
  const first = daysTo(year, 0, 1);
  if ('index' in day) return first + day.index;
  // Julian days count no 29th of February.
  if ('julian' in day) return first + day.julian - 1 + (isLeap(year) && day.julian > 59 ? 1 : 0);
  const monthBegins = daysTo(year, day.month - 1, 1);
  const weekday = (((monthBegins + 4) % 7) + 7) % 7;
  const monthEnds = daysTo(year, day.month, 1);
  let found = monthBegins + ((day.weekday - weekday + 7) % 7) + (day.week - 1) * 7;
  while (found >= monthEnds) found -= 7;
  return found;
}

const daysTo = (year: number, month: number, day: number) => Date.UTC(year, month, day) / 1000 / daySeconds;

const isLeap = (year: number) => daysTo(year, 2, 1) - daysTo(year, 1, 1) === 29;
