/** Thaws, once for each freeze of this agent, by whichever process gets there first. */

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "freeze.h"

static bool thaw_frozen(Target *target, int file);
static bool thaw_orphan(Target *target, int file);
static bool moves(Target *target, uint32_t from, uint32_t to);

void call_off(Shared *shared, size_t count) {
  shared->cancel = 1;
  for (size_t i = 0; i < count; i++)
    if (moves(&shared->targets[i], WAITING, FAILED)) shared->targets[i].error = ECANCELED;
}

bool thaw_all(const Freeze *freeze, bool freezer_gone) {
  bool done = true;
  for (size_t i = freeze->count; i-- > 0;) {
    Target *target = &freeze->shared->targets[i];
    int file = freeze->files[i];
    if (moves(target, FROZEN, THAWING)) done &= thaw_frozen(target, file);
    else if (freezer_gone) done &= thaw_orphan(target, file);
  }
  return done;
}

static bool thaw_frozen(Target *target, int file) {
  if (ioctl(file, FITHAW, 0) == 0) {
    target->state = THAWED;
    return true;
  }
  target->error = (uint32_t)errno;
  // Not frozen any more: another program has thawed it (fs/super.c). Any other failure leaves it frozen.
  target->state = errno == EINVAL ? LOST : FROZEN;
  return errno == EINVAL;
}

/** The freezer died between an ioctl and its record of it. Only another ioctl shows whether that one had worked. */
static bool thaw_orphan(Target *target, int file) {
  uint32_t state = target->state;
  if (state != FREEZING && state != THAWING) return true;
  if (ioctl(file, FITHAW, 0) == 0) {
    target->state = THAWED;
    return true;
  }
  target->error = (uint32_t)errno;
  if (errno != EINVAL) return false;
  if (state == FREEZING) target->error = ECANCELED;
  target->state = state == FREEZING ? FAILED : LOST;
  return true;
}

bool is_any_held(const Freeze *freeze) {
  for (size_t i = 0; i < freeze->count; i++) {
    uint32_t state = freeze->shared->targets[i].state;
    if (state == FREEZING || state == FROZEN || state == THAWING) return true;
  }
  return false;
}

bool is_any_unsettled(const Freeze *freeze) {
  for (size_t i = 0; i < freeze->count; i++) {
    uint32_t state = freeze->shared->targets[i].state;
    if (state == WAITING || state == FREEZING) return true;
  }
  return false;
}

/** A freeze waits for three grace periods of RCU: 60 ms a filesystem without, 10 ms with it (measured). */
void expedite_rcu(const Freeze *freeze, bool wanted) {
  Shared *shared = freeze->shared;
  if (freeze->expedite < 0) return;
  if (!wanted) {
    // One of freezer and guard is enough, and the flag is cleared last: a process that is killed here is followed by the other.
    if (shared->expedited && pwrite(freeze->expedite, "0", 1, 0) == 1) shared->expedited = 0;
    return;
  }
  char old = 0;
  // A setting that another program made is left alone.
  if (pread(freeze->expedite, &old, 1, 0) != 1 || old != '0') return;
  shared->expedited = 1;
  if (pwrite(freeze->expedite, "1", 1, 0) != 1) shared->expedited = 0;
}

static bool moves(Target *target, uint32_t from, uint32_t to) { return atomic_compare_exchange_strong(&target->state, &from, to); }
