/** Checks whether an open file is on the filesystem that was planned. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "native.h"

static long mount_of(int file);

/** Elements: major, minor and mount of each in turn. */
Superblock *superblocks_of(JSContext *ctx, JSValueConst array, size_t count) {
  Superblock *superblocks = calloc(count + 1, sizeof(*superblocks));
  for (uint32_t i = 0; superblocks && i < count; i++) {
    JSValue upper = JS_GetPropertyUint32(ctx, array, 3 * i), lower = JS_GetPropertyUint32(ctx, array, 3 * i + 1);
    superblocks[i].device = makedev((unsigned)int_of(ctx, upper), (unsigned)int_of(ctx, lower));
    superblocks[i].mount = int_of(ctx, JS_GetPropertyUint32(ctx, array, 3 * i + 2));
  }
  return superblocks;
}

/**
 * A superblock on a block device gives its number to every file (st_dev). One of major 0 may not: on a btrfs st_dev is the subvolume's.
 * There the mount through which the file was opened decides (proc(5), fdinfo). Else ESTALE. Allocates nothing.
 */
bool is_on(int file, const Superblock *superblock) {
  struct stat found;
  if (fstat(file, &found) < 0) return false;
  bool is_same = major(superblock->device) == 0 ? mount_of(file) == superblock->mount : found.st_dev == superblock->device;
  if (!is_same) errno = ESTALE;
  return is_same;
}

/** -1 where /proc does not have it. */
static long mount_of(int file) {
  char path[64], text[512];
  snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", file);
  int info = open(path, O_RDONLY | O_CLOEXEC);
  if (info < 0) return -1;
  ssize_t length = read(info, text, sizeof(text) - 1);
  close(info);
  text[length > 0 ? length : 0] = 0;
  const char *line = strstr(text, "mnt_id:");
  return line ? strtol(line + strlen("mnt_id:"), NULL, 10) : -1;
}
