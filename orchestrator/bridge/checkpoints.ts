// Keeps a bridge's positions in the region's own Kafka, beside the copied records: a Kafka that is lost takes both with it.
// A checkpoint is written after its records, so that a bridge that was killed copies some again and skips none.
import { bridgeCheckpoint, bridgePositionsTopic, type BridgeCheckpoint } from '#protocol/bus.ts'
import type { Region } from '#protocol/sites.ts'
import type { KafkaSession } from '#runtime/kafka.ts'

/** The last checkpoint of a source, or null. */
export async function readCheckpoint(local: KafkaSession, source: Region): Promise<BridgeCheckpoint | null> {
  await local.ensureTopic(bridgePositionsTopic, { partitions: 1, compacted: true })
  const { first, end } = await local.offsets(bridgePositionsTopic, 0)
  let found: BridgeCheckpoint | null = null
  for (let offset = first; offset < end;) {
    const [partition] = await local.fetch(bridgePositionsTopic, new Map([[0, offset]]), 0)
    if (partition === undefined || partition.nextOffset === offset) break
    for (const record of partition.records) {
      if (record.key === source) found = bridgeCheckpoint.parse(JSON.parse(String(record.value)))
    }
    offset = partition.nextOffset
  }
  return found
}

export async function writeCheckpoint(local: KafkaSession, checkpoint: BridgeCheckpoint): Promise<void> {
  const record = { key: checkpoint.source, value: Buffer.from(JSON.stringify(checkpoint)), headers: {} }
  await local.produce(bridgePositionsTopic, new Map([[0, [record]]]))
}
