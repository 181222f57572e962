/** The agent's own process: its arguments, its output, how it goes to the background and ends. */

#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

/** Before ordinary programs, behind what keeps the system alive (nice(1)). */
enum { AGENT_PRIORITY = -10 };

int usual_priority;
bool is_spared;
int argument_count;
char **arguments;
extern char **environ;

static JSValue texts_from(JSContext *ctx, char **texts);
static int lock_segments(struct dl_phdr_info *program, size_t size, void *data);

NATIVE(process_args) {
  UNUSED_SELF;
  return texts_from(ctx, arguments + (argument_count > 0));
}

/** NAME=VALUE */
NATIVE(process_environment) {
  UNUSED_SELF;
  return texts_from(ctx, environ);
}

static JSValue texts_from(JSContext *ctx, char **texts) {
  JSValue array = JS_NewArray(ctx);
  for (uint32_t i = 0; texts[i]; i++) JS_SetPropertyUint32(ctx, array, i, JS_NewString(ctx, texts[i]));
  return array;
}

NATIVE(process_id) {
  UNUSED_SELF;
  return JS_NewInt32(ctx, getpid());
}

/** (status): no buffered output waits to be written, and guards thaw because the agent is gone. */
NATIVE(process_exit) {
  UNUSED_SELF;
  _exit(int_of(ctx, argv[0]));
}

/** (pid, signal) */
NATIVE(process_kill) {
  UNUSED_SELF;
  return result(ctx, kill(int_of(ctx, argv[0]), int_of(ctx, argv[1])));
}

/** (fd, text): waits as long as it takes, as the standard streams of any program do. */
NATIVE(say) {
  UNUSED_SELF;
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, argv[1]);
  if (!text) return JS_EXCEPTION;
  for (size_t done = 0; done < length;) {
    ssize_t count = write(int_of(ctx, argv[0]), text + done, length - done);
    if (count < 0 && errno != EINTR) break;
    if (count > 0) done += count;
  }
  JS_FreeCString(ctx, text);
  return JS_UNDEFINED;
}

/** (priority with facility, text): to /dev/log as syslog(3) does, but without waiting: a full log loses lines and delays no one. */
NATIVE(log_line) {
  UNUSED_SELF;
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
  const char *text = JS_ToCString(ctx, argv[1]);
  if (!text) return JS_EXCEPTION;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
    time_t now = time(NULL);
    struct tm local;
    char when[32], line[1024];
    strftime(when, sizeof(when), "%b %e %T", localtime_r(&now, &local));
    int length = snprintf(line, sizeof(line), "<%d>%s qemu-ga[%d]: %s", int_of(ctx, argv[0]), when, getpid(), text);
    if (length >= (int)sizeof(line)) length = sizeof(line) - 1;
    send(fd, line, length, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  if (fd >= 0) close(fd);
  JS_FreeCString(ctx, text);
  return JS_UNDEFINED;
}

/** Open files stay open, except for the standard streams; the parent ends here. */
NATIVE(daemonize) {
  UNUSED_SELF;
  pid_t pid = fork();
  if (pid < 0) return failed(ctx);
  if (pid > 0) _exit(0);
  loop_follow_fork();
  umask(0077);
  setsid();
  if (chdir("/") < 0) return failed(ctx);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return failed(ctx);
  for (int fd = 0; fd <= 2; fd++) dup2(null, fd);
  if (null > 2) close(null);
  return JS_NewInt32(ctx, 0);
}

/** (path): stays open and locked for as long as the agent lives. */
NATIVE(write_pid_file) {
  UNUSED_SELF;
  const char *path = path_of(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  JS_FreeCString(ctx, path);
  if (fd < 0) return failed(ctx);
  char text[16];
  int length = snprintf(text, sizeof(text), "%d\n", getpid());
  if (lockf(fd, F_TLOCK, 0) == 0 && ftruncate(fd, 0) == 0 && write(fd, text, length) == length) return JS_NewInt32(ctx, 0);
  // POSIX allows lockf(3) to return EACCES for a locked file.
  int why = errno == EACCES ? EAGAIN : errno;
  close(fd);
  return JS_NewInt32(ctx, -why);
}

/**
 * Pages that would have to be read back from a frozen disk are never given up (measured with the root frozen and all pages evicted: ping
 * 2 ms with it, 134 ms without). All of the agent's code, and of the rest what has been touched once. Not allowed for an ordinary user, who
 * cannot freeze either.
 */
NATIVE(lock_memory) {
  UNUSED_SELF;
  if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0) return failed(ctx);
  return result(ctx, lock_code() < 0 ? -1 : 0);
}

/** By its segments: the data beside the code, which is seldom read, differs from linker to linker. */
int lock_code(void) { return dl_iterate_phdr(lock_segments, NULL); }

/** The program comes first (dl_iterate_phdr(3)), and a statically linked one has nothing else. */
static int lock_segments(struct dl_phdr_info *program, size_t size, void *data) {
  (void)size, (void)data;
  for (int i = 0; i < program->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &program->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X)) continue;
    if (mlock((void *)(program->dlpi_addr + segment->p_vaddr), segment->p_memsz) < 0) return -1;
  }
  return 1;
}

/**
 * When all processors of a guest are busy, its agent must not wait, least of all while it is frozen (measured with three busy
 * processes on one processor: ping 0.7 ms instead of 5, freeze 50 instead of 130). Not allowed for an ordinary user.
 */
NATIVE(hurry) {
  UNUSED_SELF;
  usual_priority = getpriority(PRIO_PROCESS, 0);
  if (usual_priority > AGENT_PRIORITY) setpriority(PRIO_PROCESS, 0, AGENT_PRIORITY);
  char score = 0;
  int file = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
  is_spared = file >= 0 && read(file, &score, 1) == 1 && score == '-';
  if (file >= 0) close(file);
  return JS_UNDEFINED;
}

static const JSCFunctionListEntry entries[] = {
    JS_CFUNC_DEF("args", 0, process_args),
    JS_CFUNC_DEF("environment", 0, process_environment),
    JS_CFUNC_DEF("pid", 0, process_id),
    JS_CFUNC_DEF("exit", 1, process_exit),
    JS_CFUNC_DEF("kill", 2, process_kill),
    JS_CFUNC_DEF("say", 2, say),
    JS_CFUNC_DEF("logLine", 2, log_line),
    JS_CFUNC_DEF("daemonize", 0, daemonize),
    JS_CFUNC_DEF("writePidFile", 1, write_pid_file),
    JS_CFUNC_DEF("lockMemory", 0, lock_memory),
    JS_CFUNC_DEF("hurry", 0, hurry),
};
const NativeList process_natives = {entries, LENGTH(entries)};
