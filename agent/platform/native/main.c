/** Starts the engine, gives it the native functions, runs the main module, and enters the loop. */

#include <fcntl.h>
#include <unistd.h>

#include "native.h"

static const NativeList *const lists[] = {&bytes_natives, &channel_natives, &child_natives,   &file_natives,    &freeze_natives,
                                          &json_natives,  &loop_natives,    &probe_natives,   &process_natives, &system_natives};

int main(int argc, char **argv) {
  // Without standard streams, a pipe must not get one of their numbers.
  int null;
  do null = open("/dev/null", O_RDWR | O_CLOEXEC);
  while (null >= 0 && null < 3);
  argument_count = argc;
  arguments = argv;
  JSContext *ctx = new_context();
  loop_open(ctx);
  JSValue global = JS_GetGlobalObject(ctx), native = JS_NewObject(ctx);
  for (size_t i = 0; i < LENGTH(lists); i++) JS_SetPropertyFunctionList(ctx, native, lists[i]->entries, lists[i]->count);
  JS_SetPropertyStr(ctx, global, "native", native);
  JS_FreeValue(ctx, global);
  JS_FreeValue(ctx, JS_LoadModule(ctx, "", "main.js"));
  run_jobs(ctx);
  loop_run(ctx);
}
