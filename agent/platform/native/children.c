/** Starts programs, and reports children that end. */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "native.h"

extern char **environ;

/** How a program's streams are connected; children.ts has the same numbers. */
enum { WITH_INPUT = 1, WITH_OUT = 2, WITH_ERR = 4, MERGED = 8, NEW_SESSION = 16 };

/** Everything that the child needs, prepared before it exists. */
typedef struct {
  char **programs, **argv, **shell_argv, **environment;
  int wiring, null, streams[3];
  /** Carries the errno when the program could not be run; nothing when it runs. */
  int report[2];
} Order;

static int make_pipes(int wiring, int ours[3], int theirs[3]);
static pid_t start(Order *order);
static int become(void *argument);
static void close_these(int fds[3]);

/** (programs, argv, environment or undefined, wiring): [pid, and the agent's ends of its streams or -1] */
NATIVE(spawn) {
  UNUSED_SELF;
  JSValue value = JS_EXCEPTION;
  int ours[3] = {-1, -1, -1}, theirs[3] = {-1, -1, -1};
  bool own = JS_IsUndefined(argv[2]);
  Order order = {.programs = texts_of(ctx, argv[0]), .argv = texts_of(ctx, argv[1]), .wiring = int_of(ctx, argv[3])};
  order.environment = own ? environ : texts_of(ctx, argv[2]);
  // A file of unknown format is a script for the shell, whose name precedes the arguments (execvp(3)).
  order.shell_argv = calloc(count_of(ctx, argv[1]) + 3, sizeof(char *));
  order.null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (order.programs && order.argv && order.environment && order.shell_argv) {
    pid_t pid = -1;
    if (order.null >= 0 && make_pipes(order.wiring, ours, theirs) == 0) {
      for (int i = 0; i < 3; i++) order.streams[i] = theirs[i] >= 0 ? theirs[i] : order.null;
      if (order.wiring & MERGED) order.streams[2] = order.streams[1];
      pid = start(&order);
    }
    value = pid < 0 ? failed(ctx) : JS_NewArray(ctx);
    if (pid < 0) close_these(ours);
    else JS_SetPropertyUint32(ctx, value, 0, JS_NewInt32(ctx, pid));
    for (uint32_t i = 0; pid >= 0 && i < 3; i++) JS_SetPropertyUint32(ctx, value, i + 1, JS_NewInt32(ctx, ours[i]));
  }
  close_these(theirs);
  if (order.null >= 0) close(order.null);
  free_texts(order.programs);
  free_texts(order.argv);
  if (!own) free_texts(order.environment);
  free(order.shell_argv);
  return value;
}

static int make_pipes(int wiring, int ours[3], int theirs[3]) {
  const int wanted[] = {WITH_INPUT, WITH_OUT, WITH_ERR};
  for (int i = 0; i < 3; i++) {
    if (!(wiring & wanted[i])) continue;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
      int why = errno;
      close_these(ours);
      close_these(theirs);
      errno = why;
      return -1;
    }
    ours[i] = ends[i == 0];
    theirs[i] = ends[i != 0];
    // The agent's ends only: a program may not expect an end of its own that is non-blocking.
    fcntl(ours[i], F_SETFL, O_NONBLOCK);
  }
  return 0;
}

/** Like vfork(2), which is a plain fork in musl for some processors: as fast for a large agent as for a small one. */
static pid_t start(Order *order) {
  _Alignas(16) char stack[16 << 10];
  if (pipe2(order->report, O_CLOEXEC) < 0) return -1;
  pid_t pid = clone(become, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, order);
  int why = errno;
  close(order->report[1]);
  // Not by shared memory: an emulated processor may not share it (qemu-user forks).
  if (pid > 0 && read(order->report[0], &why, sizeof(why)) == sizeof(why)) {
    waitpid(pid, NULL, 0);
    pid = -1;
  }
  close(order->report[0]);
  errno = why;
  return pid;
}

static int become(void *argument) {
  Order *order = argument;
  for (int fd = 0; fd < 3; fd++) dup2(order->streams[fd], fd);
  if (order->wiring & NEW_SESSION) setsid();
  setpriority(PRIO_PROCESS, 0, usual_priority);
  // A client's programs do not get the agent's protection from the OOM killer.
  int score = is_spared ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;
  if (score >= 0 && write(score, "0", 1) < 0) errno = 0;
  if (score >= 0) close(score);
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int why = ENOENT;
  for (char **program = order->programs; *program; program++) {
    execve(*program, order->argv, order->environment);
    if (errno == ENOEXEC) {
      order->shell_argv[0] = "/bin/sh";
      order->shell_argv[1] = *program;
      for (size_t i = 1; order->argv[0] && order->argv[i]; i++) order->shell_argv[i + 1] = order->argv[i];
      execve("/bin/sh", order->shell_argv, order->environment);
      why = errno;
      break;
    }
    // A program that may not be run is reported when no other is found (execvp(3)).
    if (errno != ENOENT && errno != ENOTDIR) why = errno;
    if (why != ENOENT && why != EACCES) break;
  }
  _exit(write(order->report[1], &why, sizeof(why)) > 0 ? 127 : 126);
}

static void close_these(int fds[3]) {
  for (int i = 0; i < 3; i++) {
    if (fds[i] >= 0) close(fds[i]);
    fds[i] = -1;
  }
}

/** [pid, status] of a child that has ended, if any */
NATIVE(reap) {
  UNUSED_SELF;
  int status;
  pid_t pid = waitpid(-1, &status, WNOHANG);
  if (pid <= 0) return JS_UNDEFINED;
  JSValue pair = JS_NewArray(ctx);
  JS_SetPropertyUint32(ctx, pair, 0, JS_NewInt32(ctx, pid));
  JS_SetPropertyUint32(ctx, pair, 1, JS_NewInt32(ctx, status));
  return pair;
}

void close_all_but(const int *keep, size_t count) {
  unsigned first = 3;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  for (size_t i = 0; i <= count; i++) {
    unsigned last = i < count ? (unsigned)keep[i] - 1 : ~0U;
    // close_range(2) exists since Linux 5.9, and has one number everywhere.
    if (first <= last && syscall(436, first, last, 0) != 0)
      for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++) close((int)fd);
    first = last + 2;
  }
}

static const JSCFunctionListEntry entries[] = {
    JS_CFUNC_DEF("spawn", 4, spawn),
    JS_CFUNC_DEF("reap", 0, reap),
};
const NativeList child_natives = {entries, LENGTH(entries)};
