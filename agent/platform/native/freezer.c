/** The freezer: a child of the agent that opens, syncs and freezes in order; each of these may take long or for ever. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "freeze.h"
#include "native.h"

/** pidfd_open(2), which has one number everywhere. */
enum { PIDFD_OPEN = 434 };

/** How often a thaw is tried that the kernel refuses. */
enum { RETRY_MS = 100 };

static void detach_from_agent(const Freeze *freeze);
static bool open_resources(Freeze *freeze);
static void open_targets(Freeze *freeze);
static void give_up(Freeze *freeze, int why);
static bool freeze_one(Freeze *freeze, size_t index, pid_t guard);
static bool is_called_off(Freeze *freeze, pid_t guard);
static void set_fields(Target *target, uint32_t error, uint32_t state);

void run_freezer(Freeze *freeze) {
  detach_from_agent(freeze);
  if (!open_resources(freeze)) give_up(freeze, errno);
  open_targets(freeze);
  // After the opens, so that the guard inherits them; before the first ioctl, so that nothing is ever frozen without a guard.
  pid_t guard = fork();
  if (guard == 0) run_guard(freeze);
  if (guard < 0) give_up(freeze, errno);
  close(freeze->control);
  close(freeze->freezer_life[0]);
  // Dirty data need not be written while every writer waits: 51 ms instead of 471 with 200 MB (measured).
  for (size_t i = 0; i < freeze->count && !freeze->shared->cancel; i++)
    if (freeze->files[i] >= 0) syncfs(freeze->files[i]);
  expedite_rcu(freeze, true);
  bool goes_on = true;
  for (size_t i = 0; i < freeze->count && goes_on; i++) goes_on = freeze_one(freeze, i, guard);
  expedite_rcu(freeze, false);
  _exit(0);
}

/** A signal that ends the agent must not end the freezer half-way, and no one may wait for an end of file that it holds back. */
static void detach_from_agent(const Freeze *freeze) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  setsid();
  // Every writer waits for the freezer and for the guard.
  setpriority(PRIO_PROCESS, 0, -20);
  prctl(PR_SET_NAME, "sf-freezer");
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; null >= 0 && fd <= 2; fd++) dup2(null, fd);
  close_all_but(&freeze->control, 1);
  // For freezer and guard; it needs a privilege that every process that may freeze has.
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    if (write(score, "-1000", 5) < 0) errno = 0;
    close(score);
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

static bool open_resources(Freeze *freeze) {
  freeze->expedite = open("/sys/kernel/rcu_expedited", O_RDWR | O_CLOEXEC);
  freeze->agent_life = (int)syscall(PIDFD_OPEN, freeze->agent, 0);
  freeze->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (freeze->timer < 0 || pipe2(freeze->freezer_life, O_CLOEXEC) < 0) return false;
  if (freeze->deadline_ms <= 0) return true;
  int64_t ns = (int64_t)(freeze->deadline_ms * 1e6) + 1;
  struct itimerspec at = {.it_value = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}};
  return timerfd_settime(freeze->timer, TFD_TIMER_ABSTIME, &at, NULL) == 0;
}

static void open_targets(Freeze *freeze) {
  for (size_t i = 0; i < freeze->count; i++) {
    Target *target = &freeze->shared->targets[i];
    freeze->files[i] = -1;
    if (freeze->shared->cancel) continue;
    // Not only a directory: a file may be a mount point.
    int file = open(freeze->paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || !is_on(file, &freeze->superblocks[i])) set_fields(target, (uint32_t)errno, FAILED);
    else freeze->files[i] = file;
    if (file >= 0 && freeze->files[i] < 0) close(file);
  }
}

/** Before anything is frozen: without a guard there must not be a freeze. */
static void give_up(Freeze *freeze, int why) {
  for (size_t i = 0; i < freeze->count; i++) set_fields(&freeze->shared->targets[i], (uint32_t)why, FAILED);
  _exit(1);
}

/** False: nothing more may be frozen. */
static bool freeze_one(Freeze *freeze, size_t index, pid_t guard) {
  Target *target = &freeze->shared->targets[index];
  uint32_t expected = WAITING;
  if (is_called_off(freeze, guard)) return false;
  if (freeze->files[index] < 0 || !atomic_compare_exchange_strong(&target->state, &expected, FREEZING)) return true;
  double started = boot_ms();
  int outcome = ioctl(freeze->files[index], FIFREEZE, 0);
  int why = errno;
  target->microseconds = (uint32_t)((boot_ms() - started) * 1e3);
  if (outcome < 0) {
    set_fields(target, (uint32_t)why, FAILED);
    return true;
  }
  target->state = FROZEN;
  // A process that called it off before that store has not seen it frozen; one that does so from now on has.
  return !is_called_off(freeze, guard);
}

/**
 * A dead guard is a reason too. The guard may also have ended because this was called off before anything was frozen. What is
 * frozen by now is thawed here, with the guard or instead of it.
 */
static bool is_called_off(Freeze *freeze, pid_t guard) {
  if (waitpid(guard, NULL, WNOHANG) != 0) call_off(freeze->shared, freeze->count);
  if (!freeze->shared->cancel) return false;
  while (!thaw_all(freeze, false)) poll(NULL, 0, RETRY_MS);
  return true;
}

static void set_fields(Target *target, uint32_t error, uint32_t state) {
  target->error = error;
  target->state = state;
}
