// Permits and the write region: told to apps, bridges and DNS servers, each on its own, so that a hung one delays nobody.
import { permitRenewMs, permitValidMs } from '#protocol/permit.ts'
import { ports, type Region, type RegionHost, regions } from '#protocol/sites.ts'
import { monotonicNs } from '#runtime/clock.ts'
import { call, type WarmConnections } from '#runtime/http.ts'
import { messageOf } from '#runtime/message-of.ts'
import { z } from 'zod'

const writeRegionTimeoutMs = 1000

export interface PublishOptions {
  readonly dataSet: string
  readonly token: string
  readonly connections: WarmConnections
  /** The app of `region` took the permit or the write region of `epoch`. */
  readonly onTaken: (epoch: number, region: Region) => void
  readonly onFailed: (host: string, reason: string) => void
}

export class Publisher {
  readonly #options: PublishOptions

  constructor(options: PublishOptions) {
    this.#options = options
  }

  /** To the primary's app and bridge; the validity counts from here. */
  permit(epoch: number, region: Region): void {
    const { dataSet } = this.#options
    const body = { dataSet, epoch, region, sentNs: monotonicNs().toString(), validForMs: permitValidMs }
    for (const host of ['app', 'bridge'] as const) this.#put(host, region, '/permit', body, permitRenewMs * 2, null)
  }

  writeRegion(epoch: number, region: Region): void {
    const body = { dataSet: this.#options.dataSet, epoch, region }
    const taken = (): void => this.#options.onTaken(epoch, region)
    for (const site of [region, ...regions.filter((each) => each !== region)])
      for (const host of ['app', 'bridge', 'dns'] as const)
        this.#put(
          host,
          site,
          '/write-region',
          body,
          writeRegionTimeoutMs,
          host === 'app' && site === region ? taken : null,
        )
  }

  #put(
    host: RegionHost,
    site: Region,
    path: string,
    body: unknown,
    timeoutMs: number,
    taken: (() => void) | null,
  ): void {
    const authority = `${host}.${site}:${ports.control}`
    const { token, connections } = this.#options
    const told = { method: 'PUT', authority, path, token, body, connections: connections.ready } as const
    call({ ...told, reply: z.unknown(), timeoutMs }).then(
      () => taken?.(),
      (error: unknown) => this.#options.onFailed(authority, messageOf(error)),
    )
  }
}
