/** Uses the engine's own JSON parser for the texts that it is sure to read as QEMU's would: nearly all that hosts send. */

#include <stdlib.h>
#include <string.h>

#include "native.h"

/** More than this is left to the parser that counts. */
enum { MOST_LEVELS = 32, MOST_KEYS = 16, MOST_DIGITS = 15 };

/** The keys of one object, by their position in the text. */
typedef struct {
  size_t count;
  struct {
    size_t from, length;
  } keys[MOST_KEYS];
} Level;

static bool reads_alike(const uint8_t *text, size_t length, int deepest);
static size_t string_end(const uint8_t *text, size_t at, size_t length);
static size_t number_end(const uint8_t *text, size_t at, size_t length);
static bool add_key(Level *level, const uint8_t *text, size_t from, size_t length);
static JSValue parse(JSContext *ctx, const uint8_t *text, size_t length);

/** (bytes, from, to, deepest): the value, or undefined where only the parser in TypeScript can decide. */
NATIVE(parse_canonical) {
  UNUSED_SELF;
  size_t length;
  const uint8_t *text = part_of(ctx, argv, &length);
  if (!text) return JS_EXCEPTION;
  if (!reads_alike(text, length, int_of(ctx, argv[3]))) return JS_UNDEFINED;
  JSValue value = parse(ctx, text, length);
  if (!JS_IsException(value)) return value;
  JS_FreeValue(ctx, JS_GetException(ctx));
  return JS_UNDEFINED;
}

/** Whether JSON.parse, if it accepts the text at all, loses nothing: of two equal keys it takes the last, and one number for another (1.0, 2^53 + 1). */
static bool reads_alike(const uint8_t *text, size_t length, int deepest) {
  Level levels[MOST_LEVELS];
  int depth = 0;
  if (deepest > MOST_LEVELS) deepest = MOST_LEVELS;
  for (size_t at = 0; at < length;) {
    uint8_t c = text[at];
    if (c == '"') {
      size_t from = at + 1, end = string_end(text, from, length), next = end + 1;
      if (end == length) return false;
      while (next < length && text[next] == ' ') next++;
      if (next < length && text[next] == ':' && (depth == 0 || !add_key(&levels[depth - 1], text, from, end - from))) return false;
      at = next;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      at = number_end(text, at, length);
      if (at == 0) return false;
    } else {
      if (c == '{' || c == '[') {
        if (depth == deepest) return false;
        levels[depth++].count = 0;
      } else if (c == '}' || c == ']') {
        if (depth-- == 0) return false;
      } else if (c != ' ' && c != ',' && c != ':' && (c < 'a' || c > 'z')) {
        return false;
      }
      at++;
    }
  }
  return true;
}

/** Position of its quote; `length` for a string that does not end, or holds anything but printable ASCII without escapes. */
static size_t string_end(const uint8_t *text, size_t at, size_t length) {
  while (at < length && text[at] != '"' && text[at] != '\\' && text[at] >= 0x20 && text[at] <= 0x7e) at++;
  return at < length && text[at] == '"' ? at : length;
}

/** Position behind its digits, where neither a point nor a capital E is misread; 0 for too many digits and for an exponent. */
static size_t number_end(const uint8_t *text, size_t at, size_t length) {
  size_t from = at += text[at] == '-';
  while (at < length && text[at] >= '0' && text[at] <= '9') at++;
  return at - from > MOST_DIGITS || (at < length && text[at] == 'e') ? 0 : at;
}

/** False for a key that the object has already, and for one too many. */
static bool add_key(Level *level, const uint8_t *text, size_t from, size_t length) {
  if (level->count == MOST_KEYS) return false;
  for (size_t i = 0; i < level->count; i++)
    if (level->keys[i].length == length && memcmp(text + level->keys[i].from, text + from, length) == 0) return false;
  level->keys[level->count].from = from;
  level->keys[level->count++].length = length;
  return true;
}

/** JS_ParseJSON requires a NUL behind the text. */
static JSValue parse(JSContext *ctx, const uint8_t *text, size_t length) {
  char few[1024], *copy = length < sizeof(few) ? few : malloc(length + 1);
  if (!copy) return JS_ThrowOutOfMemory(ctx);
  memcpy(copy, text, length);
  copy[length] = 0;
  JSValue value = JS_ParseJSON(ctx, copy, length, "request");
  if (copy != few) free(copy);
  return value;
}

static const JSCFunctionListEntry entries[] = {
    JS_CFUNC_DEF("parseCanonical", 4, parse_canonical),
};
const NativeList json_natives = {entries, LENGTH(entries)};
