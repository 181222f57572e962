/** The numbers of the NBD protocol that Stillframe uses, and its limits (NetworkBlockDevice/nbd, doc/proto.md). */

export const magics = {
  /** ASCII "NBDMAGIC": the first bytes of every server. */
  server: 0x4e42444d41474943n,
  /** ASCII "IHAVEOPT": the newstyle handshake, and in front of every option. */
  option: 0x49484156454f5054n,
  optionReply: 0x0003e889045565a9n,
  request: 0x25609513,
  simpleReply: 0x67446698,
  structuredReply: 0x668e33ef,
} as const;

/** The same bits from the server (16 bits) and from the client (32 bits). */
export const handshakeFlags = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const transmissionFlags = {
  hasFlags: 1,
  readOnly: 2,
  sendFlush: 4,
  sendFua: 8,
  sendTrim: 32,
  sendWriteZeroes: 64,
  sendDf: 128,
  canMultiConn: 256,
} as const;

export const options = {
  exportName: 1,
  abort: 2,
  list: 3,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const optionReplies = { ack: 1, server: 2, info: 3, metaContext: 4 } as const;

/** Bit 31 of an option's reply: an error, with a text for people as its data. */
export const optionErrorBit = 0x80000000;

export const optionErrors = {
  unsupported: 0x80000001,
  policy: 0x80000002,
  invalid: 0x80000003,
  platform: 0x80000004,
  tlsRequired: 0x80000005,
  unknownExport: 0x80000006,
  shutdown: 0x80000007,
  blockSizeRequired: 0x80000008,
  tooBig: 0x80000009,
} as const;

/** Kinds of information in the reply to INFO and GO. */
export const infos = { export: 0, blockSize: 3 } as const;

export const commands = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6, blockStatus: 7 } as const;

export const commandFlags = { fua: 1, noHole: 2, df: 4, requestOne: 8 } as const;

export const chunkTypes = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;

/** Bit 15 of a chunk's type: an error, also when the type itself is unknown. */
export const chunkErrorBit = 0x8000;

/** The last chunk of a reply. */
export const doneFlag = 1;

export const errors = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const;

export type NbdErrorName = keyof typeof errors;

/** The context that the protocol itself defines, and its flags. */
export const allocationContext = 'base:allocation';
export const allocationFlags = { hole: 1, zero: 2 } as const;

/** QEMU answers a longer request with EINVAL (NBD_MAX_BUFFER_SIZE), and the protocol's default for servers that state none is the same. */
export const mostRequestBytes = 32 * 2 ** 20;

/** doc/proto.md: a string, which is a name or a message, has at most 4096 bytes. */
export const mostStringBytes = 4096;

/** The most data of an option or of its reply: a name, and queries or a text beside it. */
export const mostOptionBytes = 64 * 2 ** 10;

/** QEMU sends at most 131,072 extents for a context, nbdkit 1,048,576. */
export const mostExtents = 2 ** 20;
