// The bridge of one region: a copier for each other region, and what they know together.
import type { PositionsReply } from '#protocol/bus.ts'
import { ports, regions, type Region } from '#protocol/sites.ts'
import type { OpenKafka } from '#runtime/kafka.ts'
import type { Log } from '#runtime/log.ts'
import { Copier, type Knowledge } from './copier.ts'
import { HeldEvents } from './held-events.ts'

export interface BridgeOptions {
  readonly region: Region
  readonly sources?: readonly Region[]
  readonly open: OpenKafka
  readonly log: Log
  /** Authority of a region's Kafka. */
  readonly kafka?: (region: Region) => string
}

export class Bridge {
  readonly #region: Region
  readonly #copiers: readonly Copier[]
  readonly #knowledge: Knowledge = { epoch: 0, copied: 0, refused: 0 }
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: BridgeOptions) {
    const kafka = options.kafka ?? ((region: Region) => `kafka.${region}:${ports.kafka}`)
    const held = new HeldEvents()
    this.#region = options.region
    this.#copiers = (options.sources ?? regions)
      .filter((source) => source !== options.region)
      .map(
        (source) =>
          new Copier({
            source,
            open: options.open,
            authorities: { source: kafka(source), local: kafka(options.region) },
            knowledge: this.#knowledge,
            held,
            log: options.log,
          }),
      )
  }

  start(): void {
    this.#running = Promise.all(this.#copiers.map((copier) => copier.run()))
  }

  /** Resolves when all copiers have ended. */
  async stop(): Promise<void> {
    for (const copier of this.#copiers) copier.stop()
    await this.#running
  }

  /** False if a higher epoch is known already. */
  learnEpoch(epoch: number): boolean {
    if (epoch < this.#knowledge.epoch) return false
    this.#knowledge.epoch = epoch
    return true
  }

  positions(): PositionsReply {
    return {
      region: this.#region,
      ...this.#knowledge,
      sources: this.#copiers.map((copier) => copier.position()).filter((position) => position !== null),
    }
  }
}
