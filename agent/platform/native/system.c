/** Facts about the system that only a system call or the C library gives. */

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

static JSValue interface_of(JSContext *ctx, const struct ifaddrs *entry, int asking);
static void set_text(JSContext *ctx, JSValueConst object, const char *name, const char *text);
static int prefix_of(const struct sockaddr *mask);

/** [release, version, machine] */
NATIVE(system_name) {
  UNUSED_SELF;
  struct utsname name;
  uname(&name);
  const char *texts[] = {name.release, name.version, name.machine};
  JSValue array = JS_NewArray(ctx);
  for (uint32_t i = 0; i < LENGTH(texts); i++) JS_SetPropertyUint32(ctx, array, i, JS_NewString(ctx, texts[i]));
  return array;
}

/** In the order of getifaddrs(3): an interface without an IP address appears once, for its name. */
NATIVE(interfaces) {
  UNUSED_SELF;
  struct ifaddrs *all;
  if (getifaddrs(&all) < 0) return failed(ctx);
  int asking = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  JSValue array = JS_NewArray(ctx);
  uint32_t count = 0;
  for (struct ifaddrs *each = all; each; each = each->ifa_next)
    JS_SetPropertyUint32(ctx, array, count++, interface_of(ctx, each, asking));
  if (asking >= 0) close(asking);
  freeifaddrs(all);
  return array;
}

static JSValue interface_of(JSContext *ctx, const struct ifaddrs *entry, int asking) {
  JSValue object = JS_NewObject(ctx);
  char text[INET6_ADDRSTRLEN];
  struct ifreq request = {0};
  set_text(ctx, object, "interface", entry->ifa_name);
  strncpy(request.ifr_name, entry->ifa_name, IFNAMSIZ - 1);
  if (asking >= 0 && ioctl(asking, SIOCGIFHWADDR, &request) == 0) {
    const uint8_t *mac = (const uint8_t *)request.ifr_hwaddr.sa_data;
    snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    set_text(ctx, object, "hardware", text);
  }
  int family = entry->ifa_addr ? entry->ifa_addr->sa_family : AF_UNSPEC;
  if (family != AF_INET && family != AF_INET6) return object;
  const void *address = family == AF_INET ? (const void *)&((struct sockaddr_in *)entry->ifa_addr)->sin_addr
                                          : (const void *)&((struct sockaddr_in6 *)entry->ifa_addr)->sin6_addr;
  set_text(ctx, object, "address", inet_ntop(family, address, text, sizeof(text)));
  set_text(ctx, object, "family", family == AF_INET ? "ipv4" : "ipv6");
  if (entry->ifa_netmask) JS_SetPropertyStr(ctx, object, "prefix", JS_NewInt32(ctx, prefix_of(entry->ifa_netmask)));
  return object;
}

static void set_text(JSContext *ctx, JSValueConst object, const char *name, const char *text) {
  JS_SetPropertyStr(ctx, object, name, JS_NewString(ctx, text));
}

static int prefix_of(const struct sockaddr *mask) {
  bool is_short = mask->sa_family == AF_INET;
  const uint8_t *bytes = is_short ? (const uint8_t *)&((const struct sockaddr_in *)mask)->sin_addr
                                  : (const uint8_t *)&((const struct sockaddr_in6 *)mask)->sin6_addr;
  int bits = 0;
  for (int i = 0; i < (is_short ? 4 : 16); i++) bits += __builtin_popcount(bytes[i]);
  return bits;
}

/** Nanoseconds since 1970, as a bigint. */
NATIVE(real_clock) {
  UNUSED_SELF;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return JS_NewBigInt64(ctx, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
}

/** (ns as a bigint) */
NATIVE(set_real_clock) {
  UNUSED_SELF;
  int64_t ns = 0;
  if (JS_ToInt64Ext(ctx, &ns, argv[0])) return JS_EXCEPTION;
  struct timeval time = {.tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000};
  return result(ctx, settimeofday(&time, NULL));
}

static const JSCFunctionListEntry entries[] = {
    JS_CFUNC_DEF("system", 0, system_name),
    JS_CFUNC_DEF("interfaces", 0, interfaces),
    JS_CFUNC_DEF("realNs", 0, real_clock),
    JS_CFUNC_DEF("setRealNs", 1, set_real_clock),
};
const NativeList system_natives = {entries, LENGTH(entries)};
