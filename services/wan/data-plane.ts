// The worker thread that carries packets: one synchronous loop of read, wait for what is due, write. It never returns to its
// event loop; the main thread speaks to it through shared memory only.
import { workerData } from 'node:worker_threads'
import { slotBytes } from './delay-queue.ts'
import { Forwarder } from './forwarder.ts'
import { seededRandom } from './random.ts'
import { SharedTable, type SharedMemory } from './shared-table.ts'
import { createWait, readPacket, sharpenTimers, shortenSlice, writePacket } from './tun.ts'

export interface DataPlaneStart {
  readonly memory: SharedMemory
  readonly fd: number
  readonly nets: readonly string[]
  readonly seed: number
}

// 12 MB of full packets in flight: 200 Mbit/s for half a second.
const slotCount = 8192
// Between two batches what is due is written, however many packets wait to be read.
const batchSize = 32
// So that the thread notices soon when the process is told to end.
const longestWaitMs = 200

function run(start: DataPlaneStart): void {
  const { fd } = start
  const forwarder = new Forwarder(new SharedTable(start.memory), start.nets, slotCount, seededRandom(start.seed))
  const { queue } = forwarder
  const buffers = Array.from(
    { length: slotCount },
    (_, slot) => new Uint8Array(queue.memory, slot * slotBytes, slotBytes),
  )
  const wait = createWait(fd)
  sharpenTimers()
  shortenSlice()
  for (;;) {
    for (;;) {
      const slot = forwarder.nextDelivery(performance.now())
      if (slot < 0) break
      if (writePacket(fd, buffers[slot]!, queue.lengths[slot]!)) forwarder.delivered(slot)
      else forwarder.drop(slot, queue.tags[slot]!)
    }
    let batch = 0
    for (; batch < batchSize; batch += 1) {
      const slot = queue.claim()
      const length = readPacket(fd, buffers[slot]!)
      if (length < 1) {
        queue.release(slot)
        break
      }
      forwarder.admit(slot, length, performance.now())
    }
    if (batch === batchSize) continue
    const timeoutMs = Math.min(queue.nextDueMs() - performance.now(), longestWaitMs)
    if (timeoutMs > 0) wait(timeoutMs)
  }
}

run(workerData as DataPlaneStart)
