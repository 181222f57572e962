/** Checks of values that come from outside: each returns the value with its type, or throws a sentence that begins with the field's path. */

export type Check<T> = (value: unknown, path: string) => T;

/** Names of guests, repositories and snapshots are labels of people. */
const longestName = 255;

export const is =
  <T>(expected: string, test: (value: unknown) => value is T): Check<T> =>
  (value, path) => {
    if (test(value)) return value;
    throw new Error(`${path || 'it'} is ${shown(value)}, expected ${expected}`);
  };

function shown(value: unknown): string {
  return value === undefined ? 'missing' : (JSON.stringify(value) ?? String(value)).slice(0, 60);
}

export const object =
  <T>(fields: { [Key in keyof T]-?: Check<T[Key]> }): Check<T> =>
  (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Error(`${path || 'it'} is ${shown(value)}, expected an object`);
    }
    const from = value as Record<string, unknown>;
    const checks = Object.entries(fields) as [string, Check<unknown>][];
    const read = checks.map(
      ([key, check]) =>
        [key, check(Object.hasOwn(from, key) ? from[key] : undefined, path === '' ? key : `${path}.${key}`)] as const,
    );
    return Object.fromEntries(read.filter(([, field]) => field !== undefined)) as T;
  };

/** As `object`, and refuses keys that it does not know: for requests, in which an unknown key is a mistake or an attempt. */
export const exactly =
  <T>(fields: { [Key in keyof T]-?: Check<T[Key]> }): Check<T> =>
  (value, path) => {
    const read = object<T>(fields)(value, path);
    const unknown = Object.keys(value as object).find((key) => !Object.hasOwn(fields, key));
    if (unknown === undefined) return read;
    throw new Error(`${path === '' ? '' : `${path}.`}${shown(unknown)} is not known, expected ${Object.keys(fields).join(', ')}`);
  };

export const list =
  <T>(item: Check<T>, most = Infinity): Check<T[]> =>
  (value, path) => {
    if (!Array.isArray(value)) throw new Error(`${path} is ${shown(value)}, expected a list`);
    if (value.length > most) throw new Error(`${path} has ${value.length} entries, expected ${most} at most`);
    return value.map((each, index) => item(each, `${path}[${index}]`));
  };

export const orNull =
  <T>(check: Check<T>): Check<T | null> =>
  (value, path) =>
    value === null ? null : check(value, path);

/** For fields that older manifests do not have, and that only some guests report. */
export const orAbsent =
  <T>(check: Check<T>): Check<T | undefined> =>
  (value, path) =>
    value === undefined ? undefined : check(value, path);

export const oneOf = <T extends string | number>(...values: readonly T[]) =>
  is(`one of ${values.join(', ')}`, (value): value is T => (values as readonly unknown[]).includes(value));
export const matching = (what: string, pattern: RegExp) =>
  is(what, (value): value is string => typeof value === 'string' && pattern.test(value));

export const text = is('text', (value): value is string => typeof value === 'string');
export const truth = is('true or false', (value): value is boolean => typeof value === 'boolean');
export const count = is(
  'a whole number from 0',
  (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
);
export const milliseconds = is('a number from 0', (value): value is number => typeof value === 'number' && value >= 0);
export const identifier = <Kind extends string>(isOne: (text: string) => text is Kind) =>
  is('an id', (value): value is Kind => typeof value === 'string' && isOne(value));
export const time = is(
  'a time (ISO 8601)',
  (value): value is string => typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value)),
);

/** Text that names something: bounded, so that no payload grows by it. */
export const nameText = is(
  `text of at most ${longestName} characters`,
  (value): value is string => typeof value === 'string' && value.length <= longestName,
);
