// How chaos has broken this server: kept in memory only, so that a restart ends it as well.
import type { DnsFailure, DnsFailureMode } from '#protocol/dns.ts'
import type { Region } from '#protocol/sites.ts'

/** What answers are made from. */
export interface Steering {
  readonly writeRegion: Region
  readonly readable: ReadonlySet<Region>
}

export class Failure {
  #failing: { readonly mode: DnsFailureMode; readonly began: Steering } | null = null
  #ending: NodeJS.Timeout | undefined

  get mode(): DnsFailureMode | null {
    return this.#failing?.mode ?? null
  }

  /** @param now what a stale server answers from on */
  begin({ mode, expiresInMs }: DnsFailure, now: Steering): void {
    clearTimeout(this.#ending)
    this.#ending = undefined
    this.#failing = { mode, began: now }
    if (expiresInMs !== undefined) this.#expireIn(expiresInMs)
  }

  /** It ends so long from now, with what it began with; what has ended does not come back. */
  renew(expiresInMs: number): void {
    if (this.#failing !== null && this.#ending !== undefined) this.#expireIn(expiresInMs)
  }

  end(): void {
    clearTimeout(this.#ending)
    this.#ending = undefined
    this.#failing = null
  }

  #expireIn(expiresInMs: number): void {
    clearTimeout(this.#ending)
    this.#ending = setTimeout(() => this.end(), expiresInMs)
  }

  /** What an answer is made from now. */
  steering(now: Steering): Steering {
    return this.#failing?.mode === 'stale' ? this.#failing.began : now
  }
}
