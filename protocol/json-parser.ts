/** Tokens of one message to its value. */

import { JsonFloat, type Json, type JsonObject } from './json.ts';
import { decodeString, JsonTextError } from './json-string.ts';
import type { Token } from './json-lexer.ts';

/** @throws JsonTextError */
export function parseTokens(tokens: readonly Token[]): Json {
  let at = 0;
  const peek = () => tokens[at]?.text;
  const isPunctuation = (text: string) => tokens[at]?.kind === 'punctuation' && peek() === text;

  function value(): Json {
    const token = tokens[at];
    if (!token) throw new JsonTextError('expecting value');
    if (isPunctuation('{')) return object();
    if (isPunctuation('[')) return array();
    at++;
    if (token.kind === 'string') return stringOf(token);
    if (token.kind === 'integer') return integer(token.text);
    if (token.kind === 'float') return float(token.text);
    if (token.kind === 'keyword') return keyword(token.text);
    throw new JsonTextError(`expecting value, not ${JSON.stringify(token.text)}`);
  }

  function object(): JsonObject {
    // Without a prototype a key like "__proto__" is a key like any other.
    const members = Object.create(null) as JsonObject;
    at++;
    if (isPunctuation('}')) return (at++, members);
    for (;;) {
      const token = tokens[at++];
      if (token?.kind !== 'string') throw new JsonTextError('expecting key');
      const key = stringOf(token);
      if (key in members) throw new JsonTextError('duplicate key');
      if (!isPunctuation(':')) throw new JsonTextError("expected ':'");
      at++;
      members[key] = value();
      if (isPunctuation('}')) return (at++, members);
      if (!isPunctuation(',')) throw new JsonTextError("expected ',' or '}'");
      at++;
    }
  }

  function array(): Json[] {
    const members: Json[] = [];
    at++;
    if (isPunctuation(']')) return (at++, members);
    for (;;) {
      members.push(value());
      if (isPunctuation(']')) return (at++, members);
      if (!isPunctuation(',')) throw new JsonTextError("expected ',' or ']'");
      at++;
    }
  }

  const parsed = value();
  if (at < tokens.length) throw new JsonTextError('text after the value');
  return parsed;
}

const stringOf = ({ text, plain }: Token) => (plain ? text.slice(1, -1) : decodeString(text));

const largest = 2n ** 64n - 1n;
const smallest = -(2n ** 63n);

function integer(text: string): Json {
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number === 0 ? 0 : number;
  const exact = BigInt(text);
  return exact > largest || exact < smallest ? new JsonFloat(number) : exact;
}

function float(text: string): JsonFloat {
  const value = Number(text);
  // Infinity would leave again as a word that no JSON reader takes.
  if (!Number.isFinite(value)) throw new JsonTextError('number out of range');
  return new JsonFloat(value);
}

function keyword(text: string): Json {
  if (text === 'true') return true;
  if (text === 'false') return false;
  if (text === 'null') return null;
  throw new JsonTextError('invalid keyword');
}
