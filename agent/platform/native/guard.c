/** The guard: thaws on request, at the deadline, or when the agent dies, and lives until nothing is or can become frozen. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "freeze.h"
#include "native.h"

/** How often a thaw is tried that the kernel refuses. */
enum { RETRY_MS = 100 };

enum { CONTROL, FREEZER, TIMER, AGENT, LIVES };

static bool end_requested(const Freeze *freeze, struct pollfd lives[LIVES]);
static void tell(const Freeze *freeze);

void run_guard(Freeze *freeze) {
  Shared *shared = freeze->shared;
  prctl(PR_SET_NAME, "sf-guard");
  close(freeze->freezer_life[1]);
  // The guard's code need not be read back from a frozen disk, even when the agent, which has locked it too, is gone. Memory of the guard
  // alone is not locked: a copy of the agent's memory would cost a few milliseconds at the worst time (measured).
  lock_code();
  shared->guard = (uint32_t)getpid();
  tell(freeze);
  struct pollfd lives[LIVES] = {
      [CONTROL] = {.fd = freeze->control, .events = POLLIN},
      [FREEZER] = {.fd = freeze->freezer_life[0], .events = POLLIN},
      [TIMER] = {.fd = freeze->timer, .events = POLLIN},
      [AGENT] = {.fd = freeze->agent_life, .events = POLLIN},
  };
  bool freezer_gone = false, is_thawed = true;
  do {
    poll(lives, LIVES, is_thawed ? -1 : RETRY_MS);
    if (end_requested(freeze, lives)) call_off(shared, freeze->count);
    if (lives[FREEZER].fd >= 0 && lives[FREEZER].revents) {
      freezer_gone = true;
      lives[FREEZER].fd = -1;
      expedite_rcu(freeze, false);
      // The freezer died before it finished, so the freeze is incomplete: end it.
      if (is_any_unsettled(freeze)) call_off(shared, freeze->count);
    }
    if (shared->cancel) is_thawed = thaw_all(freeze, freezer_gone);
    tell(freeze);
  } while (is_any_held(freeze) || !(freezer_gone || (shared->cancel && !shared->expedited)));
  _exit(0);
}

/** Reads all pending notifications; each is read once, so that none wakes the guard for ever. */
static bool end_requested(const Freeze *freeze, struct pollfd lives[LIVES]) {
  bool is_end = false;
  if (lives[CONTROL].fd >= 0 && lives[CONTROL].revents) {
    char words[16];
    ssize_t count = recv(freeze->control, words, sizeof(words), MSG_DONTWAIT);
    is_end = count >= 0 || errno != EAGAIN;
    if (count == 0 || (count < 0 && errno != EAGAIN)) lives[CONTROL].fd = -1;
  }
  if (lives[AGENT].fd >= 0 && lives[AGENT].revents) {
    is_end = true;
    lives[AGENT].fd = -1;
  }
  if (lives[TIMER].fd >= 0 && lives[TIMER].revents) {
    if (!is_end && !freeze->shared->cancel) freeze->shared->deadline_passed = 1;
    is_end = true;
    lives[TIMER].fd = -1;
  }
  return is_end;
}

/** Wakes the agent so that it reads the state; a stopped or dead agent must not block the guard. */
static void tell(const Freeze *freeze) { send(freeze->control, "c", 1, MSG_DONTWAIT | MSG_NOSIGNAL); }
