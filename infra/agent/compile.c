/** A JavaScript file to the engine's bytecode, as C source: runs on the machine that builds. Arguments: input, name, output. */

#include <stdio.h>
#include <stdlib.h>

#include "quickjs.h"

static char *read_whole(const char *path, size_t *length);

int main(int argc, char **argv) {
  size_t length, size;
  char *source = argc == 4 ? read_whole(argv[1], &length) : NULL;
  FILE *output = source ? fopen(argv[3], "w") : NULL;
  if (!output) {
    perror("compile");
    return 1;
  }
  JSRuntime *rt = JS_NewRuntime();
  JSContext *ctx = JS_NewContext(rt);
  JSValue function = JS_Eval(ctx, source, length, argv[2], JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY);
  if (JS_IsException(function)) {
    fprintf(stderr, "compile: %s\n", JS_ToCString(ctx, JS_GetException(ctx)));
    return 1;
  }
  uint8_t *bytes = JS_WriteObject(ctx, &size, function, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE);
  fprintf(output, "#include <stddef.h>\n#include <stdint.h>\nconst size_t program_length = %zu;\nconst uint8_t program[] = {", size);
  for (size_t i = 0; i < size; i++) fprintf(output, "%d,", bytes[i]);
  fprintf(output, "};\n");
  return fclose(output) == 0 ? 0 : 1;
}

static char *read_whole(const char *path, size_t *length) {
  FILE *file = fopen(path, "r");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  *length = (size_t)ftell(file);
  rewind(file);
  char *text = calloc(*length + 1, 1);
  if (text) *length = fread(text, 1, *length, file);
  fclose(file);
  return text;
}
