// The whole world as one page for Prometheus: every service that tells metrics, asked through the way in, and the harness.
import { Registry } from 'prom-client'
import { z } from 'zod'
import { areas, ports, regions, type Site } from '#protocol/sites.ts'
import { gauges } from '#runtime/metrics.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { readLiveDrill } from '../live-drill.ts'
import { getFromSite } from '../site-http.ts'
import { createDrillMetrics, readPastDrills } from './drills.ts'
import { mergeExpositions, type Source } from './exposition.ts'

const timeoutMs = 2500

/** Services with metrics of their own, and where they are. `site` is null for the WAN. */
const scraped: readonly { readonly service: string; readonly site: Site | null }[] = [
  { service: 'wan', site: null },
  ...regions.flatMap((site) => ['controller', 'postgres', 'app'].map((service) => ({ service, site }))),
  ...areas.map((site) => ({ service: 'client', site })),
]

/** Never rejects: who does not answer in time is only missing, and `firedrill_scrape_up` says so. */
export async function renderWorldMetrics(world: RunningWorld, drillsFolder: string): Promise<string> {
  const [answers, drills, live] = await Promise.all([
    Promise.all(scraped.map(async (each) => ({ ...each, text: await scrape(world, each).catch(() => null) }))),
    readPastDrills(drillsFolder),
    readLiveDrill(world.name),
  ])
  const services = answers.flatMap(({ service, site, text }): readonly Source[] =>
    text === null ? [] : [{ labels: labelsOf(service, site), text }],
  )
  const own = [createDrillMetrics(drills, live), createScrapeMetrics(answers)]
  const harness = await Promise.all(own.map(async (registry) => ({ labels: {}, text: await registry.metrics() })))
  return mergeExpositions([...harness, ...services])
}

function labelsOf(service: string, site: Site | null): { service: string; site: string } {
  return { service, site: site ?? '' }
}

export function createScrapeMetrics(
  answers: readonly { readonly service: string; readonly site: Site | null; readonly text: string | null }[],
): Registry {
  const registry = new Registry()
  gauges(registry, {
    name: 'firedrill_scrape_up',
    help: '1 if the service answered when it was asked for its metrics.',
    labels: ['service', 'site'],
    values: () => answers.map(({ service, site, text }) => [labelsOf(service, site), Number(text !== null)]),
  })
  return registry
}

async function scrape(world: RunningWorld, { service, site }: (typeof scraped)[number]): Promise<string> {
  const call = { method: 'GET', path: '/metrics', reply: z.string(), timeoutMs } as const
  if (site === null) return world.wayIn.wan(call)
  const host = `${service}.${site}`
  if (service !== 'app') return world.wayIn.control(host, call)
  const { status, body } = await getFromSite(world, host, ports.app, call.path, timeoutMs)
  if (status !== 200) throw new Error(`${host} answered ${status}`)
  return body
}
