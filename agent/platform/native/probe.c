/** Queries to filesystems in a forked child, one record for each path; a call that blocks blocks only the child. */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "freeze.h"
#include "native.h"

/** The numbers of probes.ts. */
enum { SIZE, TRIM, THAW, THAW_ONCE };

/** <linux/fs.h>, which musl lacks. */
#define FITRIM 0xC0185879UL
struct trim_range {
  uint64_t start, length, minimum;
};

typedef struct {
  int kind, to;
  char **paths;
  /** NULL: any filesystem is accepted. */
  Superblock *superblocks;
  uint64_t minimum;
} Question;

typedef struct {
  int64_t error, values[4];
} Record;

static _Noreturn void answer(const Question *question);
static bool ask(const Question *question, size_t index, int64_t values[4]);
static bool ask_size(const char *path, int64_t values[4]);
static bool ask_file(const Question *question, int file, int64_t values[4]);

/** (kind, paths, superblocks or none, minimum): [pid, descriptor of the records] */
NATIVE(probe) {
  UNUSED_SELF;
  int ends[2], why = ENOMEM;
  int64_t minimum = 0;
  size_t count = count_of(ctx, argv[1]);
  if (JS_ToInt64Ext(ctx, &minimum, argv[3])) return JS_EXCEPTION;
  Question question = {.kind = int_of(ctx, argv[0]), .paths = texts_of(ctx, argv[1]), .minimum = (uint64_t)minimum};
  if (!question.paths) return JS_EXCEPTION;
  bool has_superblocks = count_of(ctx, argv[2]) > 0;
  if (has_superblocks) question.superblocks = superblocks_of(ctx, argv[2], count);
  pid_t pid = -1;
  if (has_superblocks && !question.superblocks) errno = ENOMEM;
  else if (pipe2(ends, O_CLOEXEC) == 0) {
    question.to = ends[1];
    pid = fork();
    if (pid == 0) answer(&question);
    why = errno;
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    if (pid < 0) close(ends[0]);
    errno = why;
  }
  JSValue value = pid < 0 ? failed(ctx) : JS_NewArray(ctx);
  if (pid >= 0) {
    JS_SetPropertyUint32(ctx, value, 0, JS_NewInt32(ctx, pid));
    JS_SetPropertyUint32(ctx, value, 1, JS_NewInt32(ctx, ends[0]));
  }
  free_texts(question.paths);
  free(question.superblocks);
  return value;
}

/** Allocates nothing; ends by SIGPIPE when its reader has gone. */
static _Noreturn void answer(const Question *question) {
  prctl(PR_SET_NAME, "sf-probe");
  signal(SIGPIPE, SIG_DFL);
  // A guard must not take this child for the agent.
  close_all_but(&question->to, 1);
  for (size_t i = 0; question->paths[i]; i++) {
    Record record = {0};
    if (!ask(question, i, record.values)) record.error = errno;
    if (write(question->to, &record, sizeof(record)) < 0) break;
  }
  _exit(0);
}

static bool ask(const Question *question, size_t index, int64_t values[4]) {
  const char *path = question->paths[index];
  if (question->kind == SIZE) return ask_size(path, values);
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return false;
  bool done = (!question->superblocks || is_on(file, &question->superblocks[index])) && ask_file(question, file, values);
  int why = errno;
  close(file);
  errno = why;
  return done;
}

static bool ask_size(const char *path, int64_t values[4]) {
  struct statvfs size;
  if (statvfs(path, &size) < 0) return false;
  values[0] = (int64_t)size.f_frsize;
  values[1] = (int64_t)size.f_blocks;
  values[2] = (int64_t)size.f_bfree;
  values[3] = (int64_t)size.f_bavail;
  return true;
}

static bool ask_file(const Question *question, int file, int64_t values[4]) {
  if (question->kind == TRIM) {
    struct trim_range range = {.length = UINT64_MAX, .minimum = question->minimum};
    if (ioctl(file, FITRIM, &range) < 0) return false;
    values[0] = (int64_t)range.length;
    values[1] = (int64_t)range.minimum;
    return true;
  }
  if (question->kind == THAW_ONCE) return ioctl(file, FITHAW, 0) == 0;
  while (ioctl(file, FITHAW, 0) == 0) values[0]++;
  // Not frozen, or of a kind that cannot be frozen: neither is a failure (fs/super.c).
  return errno == EINVAL || errno == EOPNOTSUPP || errno == ENOTTY;
}

static const JSCFunctionListEntry entries[] = {JS_CFUNC_DEF("probe", 4, probe)};
const NativeList probe_natives = {entries, LENGTH(entries)};
