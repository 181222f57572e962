/** The engine: a context with its limits, the compiled modules, the jobs of promises, and the end when it fails. */

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "native.h"

/** For each module its name with the NUL, the length of its bytecode in four bytes, lowest first, and the bytecode. */
extern const uint8_t program[];
extern const size_t program_length;

/** A request of 8 MiB becomes about 100 MiB of values at worst; more than this is an attack. */
static const size_t most_memory = 256 << 20;

/** An id of 1024 levels, the lexer's limit, is echoed: 1 MiB is too little for that, and untouched pages cost nothing. */
static const size_t most_stack = 6 << 20;

static JSModuleDef *load_module(JSContext *ctx, const char *name, void *opaque);
static void forget_program(void);
static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque);

/** A rejection without a handler when it happened; forgotten when a handler is added before the jobs are done. */
static bool is_rejected;
static JSValue rejected_promise, rejected_reason;

JSContext *new_context(void) {
  JSRuntime *rt = JS_NewRuntime();
  JSContext *ctx = rt ? JS_NewContextRaw(rt) : NULL;
  // No eval, no Proxy, no WeakRef: what does not exist cannot be misused, and the parser need not be linked.
  if (!ctx || JS_AddIntrinsicBaseObjects(ctx) || JS_AddIntrinsicDate(ctx) || JS_AddIntrinsicRegExp(ctx) || JS_AddIntrinsicJSON(ctx) ||
      JS_AddIntrinsicMapSet(ctx) || JS_AddIntrinsicTypedArrays(ctx) || JS_AddIntrinsicPromise(ctx) || JS_AddIntrinsicBigInt(ctx)) {
    dprintf(2, "stillframe-agent: not enough memory to start\n");
    _exit(70);
  }
  JS_SetMemoryLimit(rt, most_memory);
  // There is no garbage before the agent serves; the loop sets its own threshold.
  JS_SetGCThreshold(rt, most_memory);
  JS_SetMaxStackSize(rt, most_stack);
  JS_SetModuleLoaderFunc(rt, NULL, load_module, NULL);
  JS_SetHostPromiseRejectionTracker(rt, on_rejection, NULL);
  return ctx;
}

void run_jobs(JSContext *ctx) {
  JSContext *which;
  int status;
  while ((status = JS_ExecutePendingJob(JS_GetRuntime(ctx), &which)) > 0) {
  }
  if (status < 0) fatal(ctx, "uncaught");
  if (!is_rejected) return;
  JS_Throw(ctx, JS_DupValue(ctx, rejected_reason));
  fatal(ctx, "unhandled rejection");
}

void fatal(JSContext *ctx, const char *what) {
  // Guards must learn at once that the agent is gone: what follows may wait for a frozen disk.
  close_all_but(NULL, 0);
  JSValue error = JS_GetException(ctx);
  JSValue stack = JS_IsObject(error) ? JS_GetPropertyStr(ctx, error, "stack") : JS_UNDEFINED;
  const char *text = JS_ToCString(ctx, error), *trace = JS_IsUndefined(stack) ? NULL : JS_ToCString(ctx, stack);
  dprintf(2, "stillframe-agent: %s: %s\n%s", what, text ? text : "out of memory", trace ? trace : "");
  // Not exit(3): no buffered output waits to be written.
  _exit(70);
}

static JSModuleDef *load_module(JSContext *ctx, const char *name, void *opaque) {
  (void)opaque;
  for (const uint8_t *at = program, *end = program + program_length; at < end;) {
    bool is_wanted = strcmp((const char *)at, name) == 0;
    at += strlen((const char *)at) + 5;
    size_t length = at[-4] | at[-3] << 8 | at[-2] << 16 | (size_t)at[-1] << 24;
    if (is_wanted) {
      JSValue module = JS_ReadObject(ctx, at, length, JS_READ_OBJ_BYTECODE);
      forget_program();
      if (JS_IsException(module)) return NULL;
      JS_FreeValue(ctx, module);
      return JS_VALUE_GET_PTR(module);
    }
    at += length;
  }
  JS_ThrowReferenceError(ctx, "no module %s", name);
  return NULL;
}

/** Each part is read once; its result is in the heap. Locked pages would stay (madvise(2)). */
static void forget_program(void) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t from = ((uintptr_t)program + page - 1) / page * page, to = ((uintptr_t)program + program_length) / page * page;
  if (from >= to) return;
  munlock((void *)from, to - from);
  madvise((void *)from, to - from, MADV_DONTNEED);
}

static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque) {
  (void)opaque;
  if (is_handled ? !is_rejected || !JS_IsStrictEqual(ctx, promise, rejected_promise) : is_rejected) return;
  is_rejected = !is_handled;
  JS_FreeValue(ctx, rejected_promise);
  JS_FreeValue(ctx, rejected_reason);
  rejected_promise = is_handled ? JS_UNDEFINED : JS_DupValue(ctx, promise);
  rejected_reason = is_handled ? JS_UNDEFINED : JS_DupValue(ctx, reason);
}
