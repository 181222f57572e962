/**
 * JavaScript modules to the engine's bytecode, as C source: runs on the machine that builds. Arguments: output, directory, and the names of
 * all modules in it. One array: for each module its name with the NUL, the length of its bytecode in four bytes, lowest first, and that.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quickjs.h"

static FILE *output;
static const char *directory;
/** Each that has been compiled becomes NULL. */
static char **names;
static int count;

static JSModuleDef *compile(JSContext *ctx, const char *name, void *opaque);
static char *read_whole(const char *name, size_t *length);
static void put(const void *bytes, size_t length);
static void give_up(const char *what, const char *why);

int main(int argc, char **argv) {
  if (argc < 4) give_up("usage", "compile OUTPUT DIRECTORY NAME...");
  output = fopen(argv[1], "w");
  if (!output) give_up(argv[1], "cannot be written");
  directory = argv[2];
  names = argv + 3;
  count = argc - 3;
  JSRuntime *rt = JS_NewRuntime();
  JSContext *ctx = JS_NewContext(rt);
  JS_SetModuleLoaderFunc(rt, NULL, compile, NULL);
  fprintf(output, "#include <stddef.h>\n#include <stdint.h>\nconst uint8_t program[] = {");
  // One that another imports is compiled within that one.
  for (int i = 0; i < count; i++)
    if (names[i]) compile(ctx, names[i], NULL);
  fprintf(output, "};\nconst size_t program_length = sizeof(program);\n");
  return fclose(output) == 0 ? 0 : 1;
}

static JSModuleDef *compile(JSContext *ctx, const char *name, void *opaque) {
  (void)opaque;
  size_t length, size;
  char *source = read_whole(name, &length);
  JSValue module = JS_Eval(ctx, source, length, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
  if (JS_IsException(module)) give_up(name, JS_ToCString(ctx, JS_GetException(ctx)));
  uint8_t *bytes = JS_WriteObject(ctx, &size, module, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE);
  uint8_t head[] = {size & 255, size >> 8 & 255, size >> 16 & 255, size >> 24};
  put(name, strlen(name) + 1);
  put(head, sizeof(head));
  put(bytes, size);
  for (int i = 0; i < count; i++)
    if (names[i] && strcmp(names[i], name) == 0) names[i] = NULL;
  return JS_VALUE_GET_PTR(module);
}

static char *read_whole(const char *name, size_t *length) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/%s", directory, name);
  FILE *file = fopen(path, "r");
  if (!file) give_up(path, "cannot be read");
  fseek(file, 0, SEEK_END);
  *length = (size_t)ftell(file);
  rewind(file);
  char *text = calloc(*length + 1, 1);
  if (text) *length = fread(text, 1, *length, file);
  fclose(file);
  return text;
}

static void put(const void *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) fprintf(output, "%d,", ((const uint8_t *)bytes)[i]);
}

static void give_up(const char *what, const char *why) {
  fprintf(stderr, "compile: %s: %s\n", what, why);
  exit(1);
}
