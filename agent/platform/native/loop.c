/** The one event loop: epoll, with a signalfd for signals and a timerfd for the earliest deadline. Nothing wakes it while idle. */

#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

static int poller = -1, signals = -1, timer = -1;
static JSValue handler;
static double spent_before;

/** Processor seconds for one event; the longest known (8 MiB of small tokens, emulated) takes a tenth. */
static const double most_seconds = 60;

static void dispatch(JSContext *ctx, int kind, int fd, int events);
static void collect_early(JSRuntime *rt);
static int interrupt(JSRuntime *rt, void *opaque);
static void watch_own(int fd);
static double processor_seconds(void);

/** Memory that a guest could use; a collection takes about 0.1 ms. */
enum { MOST_GARBAGE = 64 << 10 };

/** First argument of the handler. */
enum { FILE_EVENT, SIGNAL_EVENT, DEADLINE_EVENT };

void loop_open(JSContext *ctx) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGCHLD);
  sigprocmask(SIG_BLOCK, &wanted, NULL);
  signal(SIGPIPE, SIG_IGN);
  poller = epoll_create1(EPOLL_CLOEXEC);
  signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  // The boot clock continues while the guest sleeps, and a timer that came due meanwhile fires at once (timerfd_create(2)).
  timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (poller < 0 || signals < 0 || timer < 0) fatal(ctx, "epoll, signalfd or timerfd is missing in this kernel");
  watch_own(signals);
  watch_own(timer);
  JS_SetInterruptHandler(JS_GetRuntime(ctx), interrupt, NULL);
}

void loop_run(JSContext *ctx) {
  for (;;) {
    struct epoll_event event;
    // One at a time: an event may change the state of another descriptor, which must not be reported from before. The kernel is fair by itself.
    if (epoll_wait(poller, &event, 1, -1) < 1) continue;
    int fd = event.data.fd;
    if (fd == signals) {
      struct signalfd_siginfo info;
      while (read(signals, &info, sizeof(info)) == sizeof(info)) dispatch(ctx, SIGNAL_EVENT, (int)info.ssi_signo, 0);
    } else if (fd == timer) {
      uint64_t times;
      if (read(timer, &times, sizeof(times)) > 0) dispatch(ctx, DEADLINE_EVENT, 0, 0);
    } else {
      dispatch(ctx, FILE_EVENT, fd, (int)event.events);
    }
  }
}

void loop_follow_fork(void) {
  epoll_ctl(poller, EPOLL_CTL_DEL, signals, NULL);
  watch_own(signals);
}

double boot_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void dispatch(JSContext *ctx, int kind, int fd, int events) {
  spent_before = 0;
  JSValueConst arguments[] = {JS_NewInt32(ctx, kind), JS_NewInt32(ctx, fd), JS_NewInt32(ctx, events)};
  JSValue value = JS_Call(ctx, handler, JS_UNDEFINED, 3, arguments);
  if (JS_IsException(value)) fatal(ctx, "uncaught");
  JS_FreeValue(ctx, value);
  run_jobs(ctx);
  collect_early(JS_GetRuntime(ctx));
}

/** The engine lets cycles grow to half of the live memory before it collects; it sets a new threshold after each collection. */
static void collect_early(JSRuntime *rt) {
  static size_t threshold;
  if (JS_GetGCThreshold(rt) == threshold) return;
  threshold = JS_GetGCThreshold(rt) / 3 * 2 + MOST_GARBAGE;
  JS_SetGCThreshold(rt, threshold);
}

/** Called about every ten thousand jumps: the first call of an event starts its clock. */
static int interrupt(JSRuntime *rt, void *opaque) {
  (void)rt, (void)opaque;
  double now = processor_seconds();
  if (spent_before == 0) spent_before = now;
  return now - spent_before > most_seconds;
}

static double processor_seconds(void) {
  struct timespec spent;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

static void watch_own(int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

/** (handler): called with kind, descriptor or signal, and events. */
NATIVE(on_event) {
  UNUSED_SELF;
  JS_FreeValue(ctx, handler);
  handler = JS_DupValue(ctx, argv[0]);
  return JS_UNDEFINED;
}

/** (fd, events, whether it is watched already): replaces the earlier events; a condition that holds already is reported again. */
NATIVE(watch) {
  UNUSED_SELF;
  int fd = int_of(ctx, argv[0]);
  struct epoll_event event = {.events = (uint32_t)int_of(ctx, argv[1]), .data.fd = fd};
  return result(ctx, epoll_ctl(poller, JS_ToBool(ctx, argv[2]) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event));
}

/** (fd): needed where another process may hold the same open file, which keeps it watched after a close (epoll(7)). */
NATIVE(unwatch) {
  UNUSED_SELF;
  epoll_ctl(poller, EPOLL_CTL_DEL, int_of(ctx, argv[0]), NULL);
  return JS_UNDEFINED;
}

/** (ms by the boot clock, or 0 for none) */
NATIVE(set_deadline) {
  UNUSED_SELF;
  double ms = 0;
  JS_ToFloat64(ctx, &ms, argv[0]);
  // A past time fires at once; zero would turn the timer off.
  int64_t ns = ms <= 0 ? 0 : (int64_t)(ms * 1e6) + 1;
  struct itimerspec spec = {.it_value = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}};
  return result(ctx, timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL));
}

NATIVE(boot_clock) {
  UNUSED_SELF;
  return JS_NewFloat64(ctx, boot_ms());
}

static const JSCFunctionListEntry entries[] = {
    JS_CFUNC_DEF("onEvent", 1, on_event),        JS_CFUNC_DEF("watch", 3, watch),
    JS_CFUNC_DEF("unwatch", 1, unwatch),         JS_CFUNC_DEF("setDeadline", 1, set_deadline),
    JS_CFUNC_DEF("bootMs", 0, boot_clock),
};
const NativeList loop_natives = {entries, LENGTH(entries)};
