// The events in the Kafkas of all regions against each other: those since the drill began, by their ids and values.
import type { Region } from '#protocol/sites.ts'
import type { StoreAgreement } from '../measure/record.ts'
import { throwIfInterrupted, until, untilAnswered } from '../wait.ts'
import { absent, agreementOf, notRead, type Compared, type Comparing } from './comparing.ts'
import { Differences } from './differences.ts'
import type { EventDifference, EventTable } from './event-table.ts'
import type { KafkaReader } from './kafka.ts'

export interface KafkaReads {
  readonly readers: readonly KafkaReader[]
  readonly events: EventTable
}

/** @param reads the final reads, which are read on; an error: why there are none */
export async function compareKafka(comparing: Comparing, reads: KafkaReads | Error): Promise<StoreAgreement> {
  const compared: Compared = {
    regions: [],
    rows: 0,
    differences: new Differences(),
    unread: [...absent(comparing.live)],
  }
  return agreementOf('kafka', compared, async () => {
    if (reads instanceof Error) throw reads
    compared.regions = reads.readers.map(({ region }) => region)
    await readUntilSettled(comparing, reads)
    compared.rows = reads.events.size
    for (const difference of reads.events.differences()) compared.differences.add(() => sentenceOf(difference))
  })
}

/** Until no region lacks an event that another one has, or there is no time left. */
async function readUntilSettled(comparing: Comparing, { readers, events }: KafkaReads): Promise<void> {
  const { settleWithinMs, answerWithinMs, signal, note } = comparing
  const ask = async (reader: KafkaReader, read: () => Promise<void>): Promise<void> => {
    throwIfInterrupted(signal)
    await untilAnswered(read, answerWithinMs, signal, note).catch((error: unknown) => {
      throw notRead(`Kafka of ${reader.region}`, error)
    })
  }
  const looked = new Map<Region, Set<string>>(readers.map(({ region }) => [region, new Set()]))
  const look = async (): Promise<readonly string[]> => {
    await Promise.all(readers.map((reader) => ask(reader, () => reader.readOn())))
    for (const reader of readers) {
      const before = looked.get(reader.region) ?? new Set<string>()
      const wanted = new Set(events.lackedBy(reader.region).filter((id) => !before.has(id)))
      await ask(reader, () => reader.readEarlier(wanted))
      for (const id of wanted) before.add(id)
    }
    return readers.flatMap(({ region }) => {
      const lacked = events.lackedBy(region).length
      return lacked === 0 ? [] : [`Kafka of ${region}: ${lacked} events of other regions not there yet`]
    })
  }
  await until(look, settleWithinMs, signal, note)
}

function sentenceOf({ eventId, orderId, missingIn, thereIn, hasOtherValues }: EventDifference): string {
  const missing = missingIn.length === 0 ? [] : [`missing in ${missingIn.join(', ')}, there in ${thereIn.join(', ')}`]
  const values = hasOtherValues ? [`its records in ${thereIn.join(', ')} have different values`] : []
  return `event ${eventId} of order ${orderId}: ${[...missing, ...values].join('; ')}`
}
