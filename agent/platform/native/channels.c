/** Ports and sockets: opens them, and moves bytes between them and JavaScript without unnecessary copies or calls. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "native.h"

/** <linux/vm_sockets.h>, which musl lacks. */
struct vsock_address {
  sa_family_t family;
  uint16_t reserved;
  uint32_t port;
  uint32_t cid;
  uint8_t zero[8];
};

/** Requests are small, and a virtio port returns 4096 bytes at a time whatever the requested size (measured). */
static uint8_t input[4 << 10];

/** The same as in qemu-ga: the next client waits for the end of the present one. */
enum { BACKLOG = 1 };

static int listen_on(int family, const void *address, socklen_t length);
static uint8_t *encode(JSContext *ctx, JSValueConst pieces, size_t *length);
static size_t add_text(uint8_t *to, const char *text, size_t length);

/** The buffer that receive() fills; its content is valid until the next call. */
NATIVE(input_buffer) {
  UNUSED_SELF;
  return JS_NewUint8Array(ctx, input, sizeof(input), NULL, NULL, false);
}

/** (fd): how many bytes are in the buffer now. */
NATIVE(receive) {
  UNUSED_SELF;
  ssize_t count;
  do count = read(int_of(ctx, argv[0]), input, sizeof(input));
  while (count < 0 && errno == EINTR);
  return result(ctx, count);
}

/** (fd, pieces): undefined when all was taken, else the bytes that were not. A full channel is not an error, a broken one is. */
NATIVE(send_pieces) {
  UNUSED_SELF;
  int fd = int_of(ctx, argv[0]);
  size_t length, taken = 0;
  uint8_t *bytes = encode(ctx, argv[1], &length);
  if (!bytes) return JS_EXCEPTION;
  while (taken < length) {
    ssize_t count = write(fd, bytes + taken, length - taken);
    if (count >= 0) taken += count;
    else if (errno == EAGAIN) return owned_bytes(ctx, bytes, taken, length - taken);
    else if (errno != EINTR) break;
  }
  JSValue value = taken < length ? failed(ctx) : JS_UNDEFINED;
  free(bytes);
  return value;
}

/** (pieces): all of them, for a queue. */
NATIVE(encode_pieces) {
  UNUSED_SELF;
  size_t length;
  uint8_t *bytes = encode(ctx, argv[0], &length);
  return bytes ? owned_bytes(ctx, bytes, 0, length) : JS_EXCEPTION;
}

/** Texts as Latin-1, bytes as base64, into memory of malloc(3). NULL: an exception is pending. */
static uint8_t *encode(JSContext *ctx, JSValueConst pieces, size_t *length) {
  size_t count = count_of(ctx, pieces), room = 0;
  uint8_t *bytes = NULL;
  *length = 0;
  for (size_t i = 0; i < count; i++) {
    JSValue piece = JS_GetPropertyUint32(ctx, pieces, i);
    size_t size = 0;
    const char *text = JS_IsString(piece) ? JS_ToCStringLen(ctx, &size, piece) : NULL;
    const uint8_t *raw = text ? NULL : JS_GetUint8Array(ctx, &size, piece);
    size_t wanted = *length + (text ? size : base64_length(size));
    if (wanted > room || !bytes) {
      // The remaining pieces are usually a few characters.
      room = wanted + 64;
      uint8_t *more = realloc(bytes, room);
      if (!more) free(bytes);
      bytes = more;
    }
    if (bytes && text) *length += add_text(bytes + *length, text, size);
    if (bytes && raw) *length = (uint8_t *)base64_write((char *)bytes + *length, raw, size) - bytes;
    JS_FreeCString(ctx, text);
    JS_FreeValue(ctx, piece);
    if (!bytes) break;
  }
  if (count == 0) bytes = malloc(1);
  if (!bytes) JS_ThrowOutOfMemory(ctx);
  return bytes;
}

/** UTF-8 back to Latin-1, which only the byte 0xFF before a delimited answer needs. */
static size_t add_text(uint8_t *to, const char *text, size_t length) {
  const uint8_t *from = (const uint8_t *)text, *end = from + length;
  const uint8_t *start = to;
  while (from < end) {
    uint8_t byte = *from++;
    if (byte >= 0x80 && from < end) byte = (uint8_t)(byte << 6 | (*from++ & 0x3f));
    *to++ = byte;
  }
  return to - start;
}

/** (path) */
NATIVE(listen_unix) {
  UNUSED_SELF;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *path = path_of(ctx, argv[0]);
  if (!path) return JS_EXCEPTION;
  size_t length = strlen(path);
  if (length < sizeof(address.sun_path)) memcpy(address.sun_path, path, length);
  JS_FreeCString(ctx, path);
  if (length >= sizeof(address.sun_path)) return JS_NewInt32(ctx, -ENAMETOOLONG);
  struct stat there;
  if (lstat(address.sun_path, &there) == 0 && S_ISSOCK(there.st_mode)) unlink(address.sun_path);
  return result(ctx, listen_on(AF_UNIX, &address, sizeof(address)));
}

/** (cid, port) */
NATIVE(listen_vsock) {
  UNUSED_SELF;
  uint32_t cid = 0, port = 0;
  JS_ToUint32(ctx, &cid, argv[0]);
  JS_ToUint32(ctx, &port, argv[1]);
  struct vsock_address address = {.family = AF_VSOCK, .port = port, .cid = cid};
  return result(ctx, listen_on(AF_VSOCK, &address, sizeof(address)));
}

static int listen_on(int family, const void *address, socklen_t length) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fd;
  if (bind(fd, address, length) == 0 && listen(fd, BACKLOG) == 0) return fd;
  int why = errno;
  close(fd);
  errno = why;
  return -1;
}

/** (fd): 0 when it is a socket of a family that we can listen on; made close-on-exec and non-blocking. */
NATIVE(adopt_socket) {
  UNUSED_SELF;
  int fd = int_of(ctx, argv[0]), family = 0;
  socklen_t length = sizeof(family);
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0) return failed(ctx);
  if (family != AF_UNIX && family != AF_VSOCK) return JS_NewInt32(ctx, -EAFNOSUPPORT);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return result(ctx, fcntl(fd, F_SETFL, O_NONBLOCK));
}

/** (fd): the next client's descriptor. */
NATIVE(accept_client) {
  UNUSED_SELF;
  return result(ctx, accept4(int_of(ctx, argv[0]), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

/** (fd): a serial line without any processing, 38400 baud as qemu-ga has it. */
NATIVE(make_raw) {
  UNUSED_SELF;
  struct termios line;
  int fd = int_of(ctx, argv[0]);
  if (tcgetattr(fd, &line) < 0) return failed(ctx);
  cfmakeraw(&line);
  cfsetspeed(&line, B38400);
  return result(ctx, tcsetattr(fd, TCSANOW, &line));
}

static const JSCFunctionListEntry entries[] = {
    JS_CFUNC_DEF("inputBuffer", 0, input_buffer), JS_CFUNC_DEF("receive", 1, receive),
    JS_CFUNC_DEF("send", 2, send_pieces),         JS_CFUNC_DEF("encode", 1, encode_pieces),
    JS_CFUNC_DEF("listenUnix", 1, listen_unix),   JS_CFUNC_DEF("listenVsock", 2, listen_vsock),
    JS_CFUNC_DEF("adoptSocket", 1, adopt_socket), JS_CFUNC_DEF("accept", 1, accept_client),
    JS_CFUNC_DEF("makeRaw", 1, make_raw),
};
const NativeList channel_natives = {entries, LENGTH(entries)};
