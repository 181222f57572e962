/** The agent's side of a freeze: the shared memory, the fork of the freezer, and the demand to thaw. */

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "freeze.h"
#include "native.h"

static JSValue start_freezer(JSContext *ctx, Freeze *freeze);
static void *unmap(JSRuntime *rt, void *opaque, void *ptr, size_t size);
static size_t shared_size(size_t count);

/** (paths, superblocks, deadline by the boot clock or 0): [pid of the freezer, the agent's socket, shared memory] */
NATIVE(freeze_start) {
  UNUSED_SELF;
  Freeze freeze = {.paths = texts_of(ctx, argv[0]), .count = count_of(ctx, argv[0]), .agent = getpid()};
  if (!freeze.paths) return JS_EXCEPTION;
  JS_ToFloat64(ctx, &freeze.deadline_ms, argv[2]);
  freeze.superblocks = superblocks_of(ctx, argv[1], freeze.count);
  freeze.files = calloc(freeze.count + 1, sizeof(*freeze.files));
  JSValue value = freeze.superblocks && freeze.files ? start_freezer(ctx, &freeze) : JS_NewInt32(ctx, -ENOMEM);
  free_texts(freeze.paths);
  free(freeze.superblocks);
  free(freeze.files);
  return value;
}

static JSValue start_freezer(JSContext *ctx, Freeze *freeze) {
  size_t size = shared_size(freeze->count);
  freeze->shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (freeze->shared == MAP_FAILED) return failed(ctx);
  int ends[2];
  pid_t pid = -1;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0) {
    freeze->control = ends[1];
    pid = fork();
    if (pid == 0) run_freezer(freeze);
    int why = errno;
    close(ends[1]);
    if (pid < 0) close(ends[0]);
    errno = why;
  }
  if (pid < 0) {
    JSValue value = failed(ctx);
    munmap(freeze->shared, size);
    return value;
  }
  JSValue array = JS_NewArray(ctx);
  JS_SetPropertyUint32(ctx, array, 0, JS_NewInt32(ctx, pid));
  JS_SetPropertyUint32(ctx, array, 1, JS_NewInt32(ctx, ends[0]));
  JS_SetPropertyUint32(ctx, array, 2, JS_NewArrayBuffer(ctx, (uint8_t *)freeze->shared, size, 0, unmap, (void *)size, false));
  return array;
}

static void *unmap(JSRuntime *rt, void *opaque, void *ptr, size_t size) {
  (void)rt;
  if (size == 0) munmap(ptr, (size_t)opaque);
  return NULL;
}

static size_t shared_size(size_t count) { return sizeof(Shared) + count * sizeof(Target); }

/** (memory, socket): called off here too, because the guard may not exist yet, and the freezer may never create it. */
NATIVE(freeze_cancel) {
  UNUSED_SELF;
  size_t size;
  Shared *shared = (Shared *)JS_GetArrayBuffer(ctx, &size, argv[0]);
  if (!shared) return JS_EXCEPTION;
  call_off(shared, (size - sizeof(Shared)) / sizeof(Target));
  send(int_of(ctx, argv[1]), "t", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  return JS_UNDEFINED;
}

static const JSCFunctionListEntry entries[] = {
    JS_CFUNC_DEF("freeze", 3, freeze_start),
    JS_CFUNC_DEF("cancelFreeze", 2, freeze_cancel),
};
const NativeList freeze_natives = {entries, LENGTH(entries)};
