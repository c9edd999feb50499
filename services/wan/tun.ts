// The TUN device, read, written and waited for by plain system calls (koffi): no hop through the event loop per packet.
import koffi from 'koffi'

const libc = koffi.load(null)
const openCall = libc.func('int open(const char *path, int flags)')
const ioctlCall = libc.func('int ioctl(int fd, unsigned long request, void *argument)')
const readCall = libc.func('long read(int fd, void *buffer, unsigned long count)')
const writeCall = libc.func('long write(int fd, const void *buffer, unsigned long count)')
const ppollCall = libc.func('int ppoll(void *fds, unsigned long count, const void *timeout, const void *mask)')
const prctlCall = libc.func(
  'int prctl(int option, unsigned long value, unsigned long a, unsigned long b, unsigned long c)',
)

const setSchedulingCall = libc.func('int sched_setattr(int thread, const void *attributes, unsigned int flags)')

const readWriteNonBlocking = 0x802
const setInterface = 0x400454ca
const tunWithoutHeader = 0x1001
const setTimerSlack = 29
const schedulingAttributesBytes = 56
/** The shortest that Linux takes, ns. */
const shortestSliceNs = 100_000n
const pollIn = 1

/**
 * Makes the TUN device `name`.
 * @returns its file descriptor, non-blocking
 * @throws Error that says what the container lacks
 */
export function openTun(name: string): number {
  const fd = Number(openCall('/dev/net/tun', readWriteNonBlocking))
  if (fd < 0) {
    throw new Error(`cannot open /dev/net/tun (errno ${koffi.errno()}): give the container device /dev/net/tun`)
  }
  const request = Buffer.alloc(40)
  request.write(name, 0, 'latin1')
  request.writeUInt16LE(tunWithoutHeader, 16)
  if (Number(ioctlCall(fd, setInterface, request)) < 0) {
    throw new Error(`cannot make TUN device ${name} (errno ${koffi.errno()}): give the container capability NET_ADMIN`)
  }
  return fd
}

/** Lets this thread's timed waits end when they are due instead of up to 50 us later. */
export function sharpenTimers(): void {
  prctlCall(setTimerSlack, 1000, 0, 0, 0)
}

/**
 * Asks for short slices of a processor, so that this thread gets one soon after a packet has come, also where others are busy:
 * since Linux 6.12 a shorter slice means an earlier deadline (EEVDF). Older kernels leave it as it was.
 */
export function shortenSlice(): void {
  const attributes = Buffer.alloc(schedulingAttributesBytes)
  attributes.writeUInt32LE(schedulingAttributesBytes, 0)
  attributes.writeBigUInt64LE(shortestSliceNs, 24)
  setSchedulingCall(0, attributes, 0)
}

/** One packet into `buffer`; its length, or a number below 1 if none is waiting. */
export function readPacket(fd: number, buffer: Uint8Array): number {
  return Number(readCall(fd, buffer, buffer.length))
}

/** True if the kernel took the packet. */
export function writePacket(fd: number, buffer: Uint8Array, length: number): boolean {
  return Number(writeCall(fd, buffer, length)) === length
}

/** A wait for readability of `fd`, at most so many milliseconds (fractions count). */
export function createWait(fd: number): (timeoutMs: number) => void {
  const polled = Buffer.alloc(8)
  polled.writeInt32LE(fd, 0)
  polled.writeInt16LE(pollIn, 4)
  const timeout = new BigInt64Array(2)
  const parts = new Int32Array(timeout.buffer)
  return (timeoutMs) => {
    // Little-endian and below 2^31 in both fields, so the upper halves stay zero.
    parts[0] = Math.floor(timeoutMs / 1000)
    parts[2] = Math.floor((timeoutMs % 1000) * 1e6)
    ppollCall(polled, 1, timeout, null)
  }
}
