/**
 * One freeze, as its three processes see it. The agent starts it and reads; the freezer opens, syncs and freezes; the guard thaws.
 * All atomics are sequentially consistent. freezing.ts reads the same memory by the same layout.
 */

#ifndef STILLFRAME_FREEZE_H
#define STILLFRAME_FREEZE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "native.h"

/** <linux/fs.h>, which musl lacks. */
#define FIFREEZE 0xC0045877UL
#define FITHAW 0xC0045878UL

/**
 * WAITING → FREEZING by the freezer, or FAILED by the process that calls it off; from there FROZEN or FAILED, by the freezer alone while it
 * lives. FROZEN → THAWING by the first process that tries, and only that one thaws: an extra ioctl would undo another program's freeze.
 */
enum { WAITING, FREEZING, FROZEN, THAWING, THAWED, FAILED, LOST };

typedef struct {
  _Atomic uint32_t state;
  _Atomic uint32_t error;
  /** How long the ioctl took that froze it. */
  _Atomic uint32_t microseconds;
} Target;

typedef struct {
  /** Set once, by call_off: nothing more is frozen, and everything frozen must be thawed. */
  _Atomic uint32_t cancel;
  _Atomic uint32_t deadline_passed;
  /** Process number, 0 while it does not exist. */
  _Atomic uint32_t guard;
  /** This freeze has set RCU to expedited. */
  _Atomic uint32_t expedited;
  Target targets[];
} Shared;

typedef struct {
  Shared *shared;
  size_t count;
  char **paths;
  Superblock *superblocks;
  /** The opened targets; -1 where that failed. */
  int *files;
  double deadline_ms;
  pid_t agent;
  /** The guard's end of its socket to the agent: its end of file reports each process the other's death. */
  int control;
  /** Readable at the deadline. */
  int timer;
  /** Readable when the agent is dead, even if a child of it keeps its sockets open; -1 before Linux 5.3. */
  int agent_life;
  /** A pipe of which only the freezer has the end for writing. */
  int freezer_life[2];
  /** /sys/kernel/rcu_expedited, or -1. */
  int expedite;
} Freeze;

/* freezer.c, guard.c: the code of the two children, from fork(2) to their end. They allocate nothing and never touch JavaScript. */
_Noreturn void run_freezer(Freeze *freeze);
_Noreturn void run_guard(Freeze *freeze);

/* thaw.c */
/** From now on no freeze can begin that has not begun. */
void call_off(Shared *shared, size_t count);
/**
 * Everything that is frozen, in reverse order. `freezer_gone`: also what a dead freezer may have frozen without recording it.
 * False: the kernel did not thaw a filesystem that this freeze holds; call it again.
 */
bool thaw_all(const Freeze *freeze, bool freezer_gone);
/** Whether anything is frozen, or is just being frozen or thawed. */
bool is_any_held(const Freeze *freeze);
/** Whether a target still waits for a step of the freezer: never so when a freeze that was not called off is complete. */
bool is_any_unsettled(const Freeze *freeze);
void expedite_rcu(const Freeze *freeze, bool wanted);

#endif
