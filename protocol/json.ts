/** JSON as the wire has it: integers are exact, and a float stays a float even when it is whole. */

export type Json = null | boolean | number | bigint | string | JsonFloat | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** A number that was written with a fraction or an exponent: `1.0` is not the integer that an agent asks for. */
export class JsonFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat);
}

/** One line's worth of JSON in ASCII, spaced as QEMU's own writer does it (`{"return": {}}`). */
export function encodeJson(value: Json): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return encodeString(value);
  if (value instanceof JsonFloat) return encodeFloat(value.value);
  // Loops, not map: a level of nesting costs an engine one frame of its stack instead of three, and there may be a thousand.
  if (Array.isArray(value)) {
    let text = '[';
    for (const member of value) text += `${text === '[' ? '' : ', '}${encodeJson(member)}`;
    return `${text}]`;
  }
  if (typeof value === 'object' && value !== null) {
    let text = '{';
    for (const key of Object.keys(value)) text += `${text === '{' ? '' : ', '}${encodeString(key)}: ${encodeJson(value[key]!)}`;
    return `${text}}`;
  }
  return String(value);
}

const named: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function encodeString(text: string): string {
  // Everything but printable ASCII leaves as \uXXXX, one for each UTF-16 unit.
  const escaped = text.replaceAll(
    /["\\]|[^ -~]/g,
    (unit) => named[unit] ?? `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}

/** 17 significant digits, as `%.17g` prints a double that must survive the trip. */
function encodeFloat(value: number): string {
  // Zeros are cut from the end of a fraction only: those of a whole number or of an exponent carry value.
  return value
    .toPrecision(17)
    .replace(/(\.\d*?)0+(?=e|$)/, '$1')
    .replace(/\.(?=e|$)/, '');
}
