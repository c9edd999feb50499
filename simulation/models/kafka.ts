// One region's Kafka: a log of events that may be lost as a whole, and is then another topic.

export interface KafkaEvent {
  readonly id: string
  readonly epoch: number
  readonly headers: Readonly<Record<string, string>>
}

export class Kafka {
  readonly region: string
  log: KafkaEvent[] = []
  /** Ids of what is in the log. */
  ids = new Set<string>()
  /** When its present log was begun. */
  madeAtMs = 0
  #made = 1
  #listeners: (() => void)[] = []

  constructor(region: string) {
    this.region = region
  }

  get topicId(): string {
    return `${this.region}-${this.#made}`
  }

  /** @returns the offset of the last one */
  append(events: readonly KafkaEvent[]): number {
    this.log.push(...events)
    for (const event of events) this.ids.add(event.id)
    for (const listener of this.#listeners.splice(0)) listener()
    return this.log.length - 1
  }

  /** Calls once when something is appended. */
  listen(listener: () => void): void {
    this.#listeners.push(listener)
  }

  lose(nowMs: number): void {
    this.log = []
    this.ids = new Set()
    this.madeAtMs = nowMs
    this.#made += 1
  }
}

/**
 * Which of these events are missing, and where. A Kafka that was lost is given back what the older ones have: those were there
 * for all of the time in which it was filled. One of which no older is left may lack what was lost with the last of them.
 */
export function missingEvents(kafkas: readonly Kafka[], ids: readonly string[]): readonly string[] {
  return kafkas.flatMap((kafka) => {
    const older = kafkas.filter((each) => each.madeAtMs < kafka.madeAtMs)
    const mustHave = (id: string): boolean => kafka.madeAtMs === 0 || older.some((each) => each.ids.has(id))
    return ids.filter((id) => !kafka.ids.has(id) && mustHave(id)).map((id) => `${id} in ${kafka.region}`)
  })
}
