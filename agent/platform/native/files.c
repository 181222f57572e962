/** System calls on files and directories, one function each; names that are not UTF-8 do not survive. */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "native.h"

/** <linux/loop.h>, which musl lacks: the beginning of struct loop_info64. */
struct loop_status {
  uint64_t device;
  uint64_t rest[28];
};
enum { LOOP_GET_STATUS64 = 0x4C05 };

/** Calls `what` with a path and gives its result or -errno. */
#define WITH_PATH(what)                       \
  const char *path = path_of(ctx, argv[0]);   \
  if (!path) return JS_EXCEPTION;             \
  JSValue value = result(ctx, what);          \
  JS_FreeCString(ctx, path);                  \
  return value

/** (path, flags, mode) */
NATIVE(file_open) {
  UNUSED_SELF;
  WITH_PATH(open(path, int_of(ctx, argv[1]) | O_CLOEXEC, int_of(ctx, argv[2])));
}

NATIVE(file_close) {
  UNUSED_SELF;
  return result(ctx, close(int_of(ctx, argv[0])));
}

/** (fd, count): bytes */
NATIVE(file_read) {
  UNUSED_SELF;
  int64_t count = 0;
  JS_ToInt64(ctx, &count, argv[1]);
  if (count < 0 || count > MOST_BYTES) count = MOST_BYTES;
  uint8_t *bytes = malloc(count + 1);
  if (!bytes) return JS_ThrowOutOfMemory(ctx);
  ssize_t length = read(int_of(ctx, argv[0]), bytes, count);
  if (length >= 0) {
    // Unused memory is returned: output of a program arrives in small pieces, and each may be kept for long.
    uint8_t *less = realloc(bytes, length + 1);
    return owned_bytes(ctx, less ? less : bytes, 0, length);
  }
  JSValue value = failed(ctx);
  free(bytes);
  return value;
}

/** (fd, bytes, from): the number of bytes that were taken */
NATIVE(file_write) {
  UNUSED_SELF;
  size_t length;
  const uint8_t *bytes = JS_GetUint8Array(ctx, &length, argv[1]);
  if (!bytes) return JS_EXCEPTION;
  size_t from = int_of(ctx, argv[2]);
  if (from > length) from = length;
  return result(ctx, write(int_of(ctx, argv[0]), bytes + from, length - from));
}

/** (fd, offset as a bigint, whence) */
NATIVE(file_seek) {
  UNUSED_SELF;
  int64_t offset = 0;
  if (JS_ToInt64Ext(ctx, &offset, argv[1])) return JS_EXCEPTION;
  return result(ctx, lseek(int_of(ctx, argv[0]), offset, int_of(ctx, argv[2])));
}

/** (fd, mode) */
NATIVE(change_mode) {
  UNUSED_SELF;
  return result(ctx, fchmod(int_of(ctx, argv[0]), int_of(ctx, argv[1])));
}

/** (bytes): invalid UTF-8 becomes U+FFFD. */
NATIVE(decode) {
  UNUSED_SELF;
  size_t length;
  const uint8_t *bytes = JS_GetUint8Array(ctx, &length, argv[0]);
  return bytes ? JS_NewStringLen(ctx, (const char *)bytes, length) : JS_EXCEPTION;
}

NATIVE(file_unlink) {
  UNUSED_SELF;
  WITH_PATH(unlink(path));
}

/** (from, to) */
NATIVE(file_rename) {
  UNUSED_SELF;
  const char *to = path_of(ctx, argv[1]), *from = path_of(ctx, argv[0]);
  JSValue value = from && to ? result(ctx, rename(from, to)) : JS_EXCEPTION;
  JS_FreeCString(ctx, from);
  JS_FreeCString(ctx, to);
  return value;
}

NATIVE(is_executable) {
  UNUSED_SELF;
  WITH_PATH(access(path, X_OK));
}

/** (path): names */
NATIVE(file_list) {
  UNUSED_SELF;
  const char *path = path_of(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  DIR *directory = opendir(path);
  JSValue names = directory ? JS_NewArray(ctx) : failed(ctx);
  JS_FreeCString(ctx, path);
  if (!directory) return names;
  uint32_t count = 0;
  for (struct dirent *each; (each = readdir(directory));) {
    const char *name = each->d_name;
    bool is_dots = name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
    if (!is_dots) JS_SetPropertyUint32(ctx, names, count++, JS_NewString(ctx, name));
  }
  closedir(directory);
  return names;
}

/** (path): text */
NATIVE(read_link) {
  UNUSED_SELF;
  const char *path = path_of(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  char target[PATH_MAX];
  ssize_t length = readlink(path, target, sizeof(target));
  JSValue value = length < 0 ? failed(ctx) : JS_NewStringLen(ctx, target, length);
  JS_FreeCString(ctx, path);
  return value;
}

/** (path): text */
NATIVE(resolve) {
  UNUSED_SELF;
  const char *path = path_of(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  char target[PATH_MAX];
  JSValue value = realpath(path, target) ? JS_NewString(ctx, target) : failed(ctx);
  JS_FreeCString(ctx, path);
  return value;
}

/** (path): [st_mode, major, minor, major and minor of the device that it is, size] */
NATIVE(status) {
  UNUSED_SELF;
  const char *path = path_of(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  struct stat found;
  int outcome = stat(path, &found);
  JSValue value = outcome < 0 ? failed(ctx) : JS_NewArray(ctx);
  JS_FreeCString(ctx, path);
  if (outcome < 0) return value;
  const int64_t facts[] = {found.st_mode,         major(found.st_dev),  minor(found.st_dev),
                           major(found.st_rdev), minor(found.st_rdev), found.st_size};
  for (uint32_t i = 0; i < LENGTH(facts); i++) JS_SetPropertyUint32(ctx, value, i, JS_NewInt64(ctx, facts[i]));
  return value;
}

/** (path of a loop device): [major, minor] of the filesystem with its file */
NATIVE(loop_backing) {
  UNUSED_SELF;
  const char *path = path_of(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  struct loop_status loop;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  JSValue value = fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &loop) < 0 ? failed(ctx) : JS_NewArray(ctx);
  if (fd >= 0) close(fd);
  JS_FreeCString(ctx, path);
  if (!JS_IsObject(value)) return value;
  // The kernel's own encoding of a device number in 64 bits (new_encode_dev, linux/kdev_t.h).
  JS_SetPropertyUint32(ctx, value, 0, JS_NewInt64(ctx, loop.device >> 8 & 0xfff));
  JS_SetPropertyUint32(ctx, value, 1, JS_NewInt64(ctx, (loop.device & 0xff) | (loop.device >> 12 & 0xfff00)));
  return value;
}

static const JSCFunctionListEntry entries[] = {
    JS_CFUNC_DEF("open", 3, file_open),
    JS_CFUNC_DEF("close", 1, file_close),
    JS_CFUNC_DEF("read", 2, file_read),
    JS_CFUNC_DEF("write", 3, file_write),
    JS_CFUNC_DEF("seek", 3, file_seek),
    JS_CFUNC_DEF("changeMode", 2, change_mode),
    JS_CFUNC_DEF("decode", 1, decode),
    JS_CFUNC_DEF("unlink", 1, file_unlink),
    JS_CFUNC_DEF("rename", 2, file_rename),
    JS_CFUNC_DEF("isExecutable", 1, is_executable),
    JS_CFUNC_DEF("list", 1, file_list),
    JS_CFUNC_DEF("readLink", 1, read_link),
    JS_CFUNC_DEF("resolve", 1, resolve),
    JS_CFUNC_DEF("status", 1, status),
    JS_CFUNC_DEF("loopBacking", 1, loop_backing),
};
const NativeList file_natives = {entries, LENGTH(entries)};
