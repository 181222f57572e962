/** Converts between JavaScript's values and C's, where the engine's own functions do not suffice. */

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "native.h"

static char *copy_text(JSContext *ctx, JSValueConst value);
static void *free_owned(JSRuntime *rt, void *opaque, void *ptr, size_t size);

const char *path_of(JSContext *ctx, JSValueConst value) {
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, value);
  if (!text || strlen(text) == length) return text;
  char *longer = malloc(2 * length + 1), *to = longer;
  if (!longer) {
    JS_FreeCString(ctx, text);
    JS_ThrowOutOfMemory(ctx);
    return NULL;
  }
  for (size_t i = 0; i < length; i++) {
    if (text[i] == 0) *to++ = '\xc0';
    *to++ = text[i] == 0 ? '\x80' : text[i];
  }
  *to = 0;
  JS_FreeCString(ctx, text);
  // The engine frees only what it has made itself: invalid UTF-8 does not survive it, so that such a path finds no file.
  JSValue made = JS_NewString(ctx, longer);
  free(longer);
  const char *path = JS_ToCString(ctx, made);
  JS_FreeValue(ctx, made);
  return path;
}

char **texts_of(JSContext *ctx, JSValueConst array) {
  size_t count = count_of(ctx, array);
  char **texts = calloc(count + 1, sizeof(*texts));
  if (!texts) {
    JS_ThrowOutOfMemory(ctx);
    return NULL;
  }
  for (size_t i = 0; i < count; i++) {
    JSValue value = JS_GetPropertyUint32(ctx, array, i);
    texts[i] = copy_text(ctx, value);
    JS_FreeValue(ctx, value);
    if (texts[i]) continue;
    free_texts(texts);
    return NULL;
  }
  return texts;
}

void free_texts(char **texts) {
  if (!texts) return;
  for (char **each = texts; *each; each++) free(*each);
  free(texts);
}

size_t count_of(JSContext *ctx, JSValueConst array) {
  int64_t count = 0;
  JS_GetLength(ctx, array, &count);
  return count;
}

const uint8_t *part_of(JSContext *ctx, JSValueConst *argv, size_t *length) {
  size_t all;
  const uint8_t *bytes = JS_GetUint8Array(ctx, &all, argv[0]);
  if (!bytes) return NULL;
  size_t from = int_of(ctx, argv[1]), to = int_of(ctx, argv[2]);
  if (to > all) to = all;
  if (from > to) from = to;
  *length = to - from;
  return bytes + from;
}

JSValue owned_bytes(JSContext *ctx, uint8_t *memory, size_t from, size_t length) {
  JSValue array = JS_NewUint8Array(ctx, memory + from, length, free_owned, memory, false);
  if (JS_IsException(array)) free(memory);
  return array;
}

static char *copy_text(JSContext *ctx, JSValueConst value) {
  const char *text = path_of(ctx, value);
  if (!text) return NULL;
  char *copy = strdup(text);
  JS_FreeCString(ctx, text);
  if (!copy) JS_ThrowOutOfMemory(ctx);
  return copy;
}

static void *free_owned(JSRuntime *rt, void *opaque, void *ptr, size_t size) {
  (void)rt, (void)ptr;
  if (size == 0) free(opaque);
  return NULL;
}
