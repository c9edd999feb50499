// What a region's DNS server is told by chaos, and what it tells of itself (HTTP on ports.control, bearer token `control`).
import { z } from 'zod'
import { regions } from './sites.ts'

/** `servfail`: SERVFAIL to every query; `silent`: no answer; `stale`: answers as when it began, whatever health says since. */
export const dnsFailureModes = ['servfail', 'silent', 'stale'] as const
export type DnsFailureMode = (typeof dnsFailureModes)[number]

/** PUT /failure (chaos): the server fails until DELETE /failure, its expiry or its restart. The answer of both is `dnsStatus`. */
export const dnsFailure = z.strictObject({
  mode: z.enum(dnsFailureModes),
  /** The server itself ends it after this time. */
  expiresInMs: z.number().positive().optional(),
})
export type DnsFailure = z.infer<typeof dnsFailure>

/** POST /failure/renew: a failure that has an expiry ends so long from now, with what it began with. The answer is `dnsStatus`. */
export const dnsRenewal = z.strictObject({ expiresInMs: z.number().positive() })

/** GET /status. */
export const dnsStatus = z.object({
  /** What its checks say now. While it is stale its answers may say otherwise. */
  writeRegion: z.enum(regions),
  readable: z.array(z.enum(regions)),
  failing: z.enum(dnsFailureModes).nullable(),
})
