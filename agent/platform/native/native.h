/**
 * What the files of this layer share. Each offers functions to JavaScript in a list of its own; main.c makes them the one global
 * object `native`, and natives.ts declares their parameters and results. A system call that fails returns -errno in place of its result.
 */

#ifndef STILLFRAME_NATIVE_H
#define STILLFRAME_NATIVE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "quickjs.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define NATIVE(name) static JSValue name(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
#define UNUSED_SELF ((void)self, (void)argc, (void)argv, (void)ctx)

typedef struct {
  const JSCFunctionListEntry *entries;
  int count;
} NativeList;

extern const NativeList bytes_natives, channel_natives, child_natives, file_natives, freeze_natives, json_natives, loop_natives,
    probe_natives, process_natives, system_natives;

/** A program requested at most this many bytes, so that no count from outside makes the agent reserve more. */
enum { MOST_BYTES = 64 << 20 };

static inline JSValue failed(JSContext *ctx) { return JS_NewInt32(ctx, -errno); }

/** 0 or more is the result, anything else means errno. */
static inline JSValue result(JSContext *ctx, int64_t value) { return value < 0 ? failed(ctx) : JS_NewInt64(ctx, value); }

/** An argument that TypeScript has made a number: conversions cannot fail, anything else is 0. */
static inline int int_of(JSContext *ctx, JSValueConst value) {
  int32_t number = 0;
  JS_ToInt32(ctx, &number, value);
  return number;
}

/* values.c */
/** UTF-8, a NUL in it as C0 80, which no file name contains; freed by JS_FreeCString. NULL: an exception is pending. */
const char *path_of(JSContext *ctx, JSValueConst value);
/** The texts of an array, NULL behind the last; freed by free_texts. NULL: an exception is pending. */
char **texts_of(JSContext *ctx, JSValueConst array);
void free_texts(char **texts);
size_t count_of(JSContext *ctx, JSValueConst array);
/** What a mount point must lead to: the superblock by its number, and the mount for a superblock whose files have other numbers. */
typedef struct {
  dev_t device;
  long mount;
} Superblock;

/* superblock.c */
/** As many as `count`; memory of malloc(3), or NULL. */
Superblock *superblocks_of(JSContext *ctx, JSValueConst array, size_t count);
/** Else errno, ESTALE when the file is on another one. */
bool is_on(int file, const Superblock *superblock);

/** Of the bytes argv[0] those from argv[1] to argv[2], or as many as there are. NULL: an exception is pending. */
const uint8_t *part_of(JSContext *ctx, JSValueConst *argv, size_t *length);
/** Takes memory of malloc(3), which is freed with the array. */
JSValue owned_bytes(JSContext *ctx, uint8_t *memory, size_t from, size_t length);

/* bytes.c */
size_t base64_length(size_t count);
char *base64_write(char *to, const uint8_t *from, size_t count);

/* loop.c */
void loop_open(JSContext *ctx);
_Noreturn void loop_run(JSContext *ctx);
/** A signalfd reports to the process that added it to the epoll, and to no child of it (ep_insert polls it for the caller). */
void loop_follow_fork(void);
/** CLOCK_BOOTTIME in milliseconds. */
double boot_ms(void);

/* engine.c */
/** With its limits and its module loader; ends the process when there is no memory for it. */
JSContext *new_context(void);
/** Ends everything: guards thaw because the agent is gone. */
_Noreturn void fatal(JSContext *ctx, const char *what);
/** Runs the jobs of promises; a rejection that is still without a handler ends the process. */
void run_jobs(JSContext *ctx);

/* process.c */
/** The program's own arguments, for main to set. */
extern int argument_count;
extern char **arguments;
/** The priority that the agent was started with: programs that it starts get it. */
extern int usual_priority;
/** The agent's unit spares it when memory runs out (proc(5), oom_score_adj). */
extern bool is_spared;
/** Keeps all code of the agent in memory. Negative when that fails, as mlock(2). */
int lock_code(void);

/* children.c */
/** In a forked child: no descriptor but the standard ones and these, so that no end of file waits for the child. `keep` is sorted. */
void close_all_but(const int *keep, size_t count);

#endif
