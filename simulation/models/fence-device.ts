// The fence device of the network: cuts a region off, refuses lower epochs, does not answer a site whose control links are down.
import type { Region } from '#protocol/sites.ts'
import type { Network } from '../network.ts'
import type { Process } from '../process.ts'

const orderMs = 5

export class FenceDevice {
  readonly #regions: readonly Region[]
  readonly #fenced = new Map<Region, number>()
  #highest = 0
  /** `silent` swallows orders, `refuse` answers that it is out of order. */
  broken: 'silent' | 'refuse' | null = null

  constructor(regions: readonly Region[]) {
    this.#regions = regions
  }

  get fenced(): readonly Region[] {
    return [...this.#fenced.keys()]
  }

  order(
    from: Process,
    kind: 'fence' | 'unfence',
    region: Region,
    epoch: number,
    network: Network,
    timeoutMs: number,
    done: (fenced: boolean, reason: string) => void,
  ): void {
    let isDone = false
    const end = (fenced: boolean, reason: string): void => {
      if (!isDone) done(fenced, reason)
      isDone = true
    }
    from.after(timeoutMs, () => end(false, 'The fence device failed: time-out'))
    from.after(orderMs, () => {
      if (this.#isCut(from.site, network) || this.broken === 'silent') return
      if (this.broken === 'refuse') return end(false, 'The fence device failed: it is out of order')
      if (epoch < this.#highest) return end(false, 'The fence device failed: a higher epoch was seen')
      this.#highest = epoch
      if (kind === 'fence') this.#cut(region, epoch, network)
      else this.clear(region, network)
      end(kind === 'fence', `The fence device has cut ${region} off`)
    })
  }

  /** Fenced, or cut off the others; a region that is alone because the others are fenced reaches the device (services/wan/layers.ts). */
  #isCut(site: number, network: Network): boolean {
    if (this.#fenced.has(this.#regions[site] as Region)) return true
    return this.#regions.every(
      (each, other) => other === site || (!this.#fenced.has(each) && !network.isUp(site, other, 'control')),
    )
  }

  #cut(region: Region, epoch: number, network: Network): void {
    if (!this.#fenced.has(region)) this.#change(region, network, 1)
    this.#fenced.set(region, epoch)
  }

  clear(region: Region, network: Network): void {
    if (this.#fenced.delete(region)) this.#change(region, network, -1)
  }

  #change(region: Region, network: Network, by: 1 | -1): void {
    const site = this.#regions.indexOf(region)
    for (let other = 0; other < network.siteCount; other += 1) {
      network.change(site, other, null, by)
      network.change(other, site, null, by)
    }
  }
}
