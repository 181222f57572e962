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

/** <linux/fs.h>, which musl does not bring. */
#define FIFREEZE 0xC0045877UL
#define FITHAW 0xC0045878UL

/**
 * WAITING → FREEZING by the freezer, or FAILED by whoever calls it off; from there FROZEN or FAILED, by the freezer alone while it
 * lives. FROZEN → THAWING by whoever is first, and only that one thaws: an ioctl too many would undo somebody else's freeze.
 */
enum { WAITING, FREEZING, FROZEN, THAWING, THAWED, FAILED, LOST };

typedef struct {
  _Atomic uint32_t state;
  _Atomic uint32_t error;
  /** That the ioctl which froze it took. */
  _Atomic uint32_t microseconds;
} Target;

typedef struct {
  /** Set once, by call_off: nothing more is frozen, and what is must be thawed. */
  _Atomic uint32_t cancel;
  _Atomic uint32_t deadline_passed;
  /** Process number, 0 while there is none. */
  _Atomic uint32_t guard;
  /** RCU is expedited because of us. */
  _Atomic uint32_t expedited;
  Target targets[];
} Shared;

typedef struct {
  Shared *shared;
  size_t count;
  char **paths;
  Superblock *superblocks;
  /** Of the opened targets; -1 where that failed. */
  int *files;
  double deadline_ms;
  pid_t agent;
  /** The guard's end of its socket to the agent: its end of file tells each of the other's death. */
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

/* freezer.c, guard.c: what the two children do, from fork(2) to their end. They allocate nothing and never touch JavaScript. */
_Noreturn void run_freezer(Freeze *freeze);
_Noreturn void run_guard(Freeze *freeze);

/* thaw.c */
/** Nothing that has not been begun can be begun any more. */
void call_off(Shared *shared, size_t count);
/**
 * In reverse order, everything that is frozen. `freezer_gone`: also what a dead freezer may have frozen without being able to say so.
 * False: the kernel did not thaw something that is ours; it must be tried again.
 */
bool thaw_all(const Freeze *freeze, bool freezer_gone);
/** Whether anything is frozen, or about to be or to be no more. */
bool is_any_held(const Freeze *freeze);
/** Whether anything has not come to an end that the freezer can give it: never so when one that was not called off is done. */
bool is_any_unsettled(const Freeze *freeze);
void expedite_rcu(const Freeze *freeze, bool wanted);

#endif
