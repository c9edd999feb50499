// A client area: a point of presence that follows the apps' readiness by checks of its own, and clients that write through it.
import type { Region } from '#protocol/sites.ts'
import { call } from '../calls.ts'
import type { Chance } from '#runtime/chance.ts'
import type { Checker } from '../invariants.ts'
import type { Network } from '../network.ts'
import { Process } from '../process.ts'
import type { Timeline } from '../timeline.ts'
import type { Answer, App } from './app.ts'

export interface AreaPorts {
  readonly regions: readonly Region[]
  readonly site: number
  readonly name: string
  readonly writeEveryMs: number
  readonly network: Network
  readonly timeline: Timeline
  readonly chance: Chance
  readonly checker: Checker
  readonly apps: () => readonly App[]
}

const checkEveryMs = 500
const checkTimeoutMs = 1000
const writeTimeoutMs = 3000
const longestTries = 3
const retryMeanMs = 800

export class Area {
  readonly process: Process
  readonly #ports: AreaPorts
  readonly #ready = new Set<Region>()
  #target: Region
  #count = 0
  isWriting = true
  unknown = 0
  failed = 0

  constructor(ports: AreaPorts) {
    this.#ports = ports
    this.#target = ports.regions[0] as Region
    this.process = new Process(ports.site, ports.name, ports.timeline, ports.chance)
  }

  boot(): void {
    const { chance, regions, writeEveryMs } = this.#ports
    for (const region of regions) this.process.every(checkEveryMs, () => this.#check(region))
    const write = (): void => {
      if (this.isWriting) this.#begin()
      this.process.after(chance.around(writeEveryMs), write)
    }
    this.process.after(chance.around(writeEveryMs), write)
  }

  /** A check that was held open is answered the moment the region is ready. */
  hear(region: Region): void {
    this.#note(region, true)
  }

  #app(region: Region): App {
    return this.#ports.apps()[this.#ports.regions.indexOf(region)] as App
  }

  #check(region: Region): void {
    const app = this.#app(region)
    call<boolean>({
      network: this.#ports.network,
      from: this.process,
      to: app.process,
      kind: 'app',
      timeoutMs: checkTimeoutMs,
      serve: (answer) => answer(app.isReady()),
      done: (isReady) => this.#note(region, isReady === true),
    })
  }

  /** None ready: the last one that was stays the target. */
  #note(region: Region, isReady: boolean): void {
    if (isReady) this.#ready.add(region)
    else this.#ready.delete(region)
    if (isReady && !this.#ready.has(this.#target)) this.#target = region
    else if (!this.#ready.has(this.#target)) this.#target = [...this.#ready][0] ?? this.#target
  }

  #begin(): void {
    this.#count += 1
    this.#write(`${this.#ports.name}-${this.#count}`, 1)
  }

  /** Some clients ask again with the same key when they don't know. */
  #write(key: string, tries: number): void {
    const { chance, checker, network } = this.#ports
    const app = this.#app(this.#target)
    const sentMs = this.process.now
    call<Answer>({
      network,
      from: this.process,
      to: app.process,
      kind: 'app',
      timeoutMs: writeTimeoutMs,
      serve: (answer) => app.write(key, 0, answer),
      done: (answer) => {
        if (answer?.outcome === 'ok') {
          checker.acked({ key, epoch: answer.epoch, sentMs, ackedMs: this.process.now })
          return
        }
        if (answer?.outcome === 'failed') this.failed += 1
        else this.unknown += 1
        if (tries < longestTries && chance.is(0.5))
          this.process.after(chance.around(retryMeanMs), () => this.#write(key, tries + 1))
      },
    })
  }
}
