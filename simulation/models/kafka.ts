// One region's Kafka: a log of events that may be lost as a whole, and is then another topic.

export interface KafkaEvent {
  readonly id: string
  readonly epoch: number
  readonly headers: Readonly<Record<string, string>>
}

export class Kafka {
  readonly region: string
  log: KafkaEvent[] = []
  /** Ids of all that ever came, also into a log that is lost: what a region has lost of its own events nobody brings back. */
  readonly seen = new Set<string>()
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
    for (const event of events) this.seen.add(event.id)
    for (const listener of this.#listeners.splice(0)) listener()
    return this.log.length - 1
  }

  /** Calls once when something is appended. */
  listen(listener: () => void): void {
    this.#listeners.push(listener)
  }

  lose(): void {
    this.log = []
    this.#made += 1
  }
}
