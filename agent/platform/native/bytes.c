/** Work for which a JavaScript engine is slow: base64, Latin-1, UTF-8, and the end of a plain part of a string. */

#include <stdlib.h>
#include <string.h>

#include "native.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { NO_DIGIT = 0xff };

static ssize_t decode_base64(uint8_t *to, const uint8_t *text, size_t length);
static bool is_ascii(const uint8_t *bytes, size_t count);

size_t base64_length(size_t count) { return (count + 2) / 3 * 4; }

char *base64_write(char *to, const uint8_t *from, size_t count) {
  for (; count >= 3; count -= 3, from += 3) {
    uint32_t group = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
    *to++ = alphabet[group >> 18];
    *to++ = alphabet[group >> 12 & 63];
    *to++ = alphabet[group >> 6 & 63];
    *to++ = alphabet[group & 63];
  }
  if (count == 0) return to;
  uint32_t group = (uint32_t)from[0] << 16 | (count == 2 ? (uint32_t)from[1] << 8 : 0);
  *to++ = alphabet[group >> 18];
  *to++ = alphabet[group >> 12 & 63];
  *to++ = count == 2 ? alphabet[group >> 6 & 63] : '=';
  *to++ = '=';
  return to;
}

/** (bytes, from, to): one character a byte. */
NATIVE(latin1) {
  UNUSED_SELF;
  size_t length;
  const uint8_t *bytes = part_of(ctx, argv, &length);
  if (!bytes) return JS_EXCEPTION;
  if (is_ascii(bytes, length)) return JS_NewStringLen(ctx, (const char *)bytes, length);
  char *utf8 = malloc(2 * length), *end = utf8;
  if (!utf8) return JS_ThrowOutOfMemory(ctx);
  for (size_t i = 0; i < length; i++) {
    if (bytes[i] >= 0x80) *end++ = (char)(0xc0 | bytes[i] >> 6);
    *end++ = (char)(bytes[i] < 0x80 ? bytes[i] : 0x80 | (bytes[i] & 0x3f));
  }
  JSValue text = JS_NewStringLen(ctx, utf8, end - utf8);
  free(utf8);
  return text;
}

/** (bytes, from, quote) */
NATIVE(plain_string_end) {
  UNUSED_SELF;
  size_t length;
  const uint8_t *bytes = JS_GetUint8Array(ctx, &length, argv[0]);
  if (!bytes) return JS_EXCEPTION;
  size_t at = int_of(ctx, argv[1]);
  uint8_t quote = int_of(ctx, argv[2]);
  while (at < length && bytes[at] != quote && bytes[at] != '\\' && bytes[at] >= 0x20 && bytes[at] <= 0x7e) at++;
  return JS_NewInt64(ctx, at);
}

/** Decodes as GLib does: padding in the middle is decoded too, an incomplete last group is refused. */
NATIVE(from_base64) {
  UNUSED_SELF;
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (!text) return JS_EXCEPTION;
  uint8_t *bytes = malloc(length / 4 * 3 + 3);
  ssize_t count = bytes ? decode_base64(bytes, (const uint8_t *)text, length) : -1;
  JS_FreeCString(ctx, text);
  if (count >= 0) return owned_bytes(ctx, bytes, 0, count);
  if (!bytes) return JS_ThrowOutOfMemory(ctx);
  free(bytes);
  return JS_UNDEFINED;
}

/** The number of bytes that it makes, or -1. */
static ssize_t decode_base64(uint8_t *to, const uint8_t *text, size_t length) {
  uint8_t values[256], before = 0, *start = to;
  uint32_t group = 0;
  int digits = 0;
  memset(values, NO_DIGIT, sizeof(values));
  for (uint8_t i = 0; i < 64; i++) values[(uint8_t)alphabet[i]] = i;
  values['='] = 0;
  for (size_t i = 0; i < length; i++) {
    uint8_t c = text[i], value = values[c];
    if (value == NO_DIGIT) {
      if (c == '\n') continue;
      return -1;
    }
    group = group << 6 | value;
    if (++digits == 4) {
      *to++ = group >> 16 & 0xff;
      if (before != '=') *to++ = group >> 8 & 0xff;
      if (c != '=') *to++ = group & 0xff;
      digits = 0;
      group = 0;
    }
    before = c;
  }
  return digits == 0 ? to - start : -1;
}

NATIVE(utf8) {
  UNUSED_SELF;
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (!text) return JS_EXCEPTION;
  JSValue bytes = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)text, length);
  JS_FreeCString(ctx, text);
  return bytes;
}

static bool is_ascii(const uint8_t *bytes, size_t count) {
  uint8_t all = 0;
  for (size_t i = 0; i < count; i++) all |= bytes[i];
  return all < 0x80;
}

static const JSCFunctionListEntry entries[] = {
    JS_CFUNC_DEF("latin1", 3, latin1),
    JS_CFUNC_DEF("plainStringEnd", 3, plain_string_end),
    JS_CFUNC_DEF("fromBase64", 1, from_base64),
    JS_CFUNC_DEF("utf8", 1, utf8),
};
const NativeList bytes_natives = {entries, LENGTH(entries)};
