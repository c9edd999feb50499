// What the WAN's GET /metrics tells, at the way in. The data plane counts anyway, in memory that both threads see.
import { Registry } from 'prom-client'
import { regions } from '#protocol/sites.ts'
import type { Counters, FenceState, LedgerEntry, LinksReply } from '#protocol/wan.ts'
import { counters, gauge, gauges } from '#runtime/metrics.ts'

export interface WanFacts {
  readonly counters: () => Counters
  readonly links: () => LinksReply
  readonly fence: () => FenceState
  readonly ledger: () => readonly LedgerEntry[]
}

const flow = ['from', 'to', 'class'] as const

export function createWanMetrics(facts: WanFacts): Registry {
  const registry = new Registry()
  const counted = (name: string, help: string, field: 'packets' | 'bytes' | 'dropped' | 'reordered'): void =>
    counters(registry, {
      name,
      help,
      labels: flow,
      values: () =>
        facts.counters().links.map((each) => [{ from: each.from, to: each.to, class: each.class }, each[field]]),
    })
  counted('firedrill_wan_link_packets_total', 'Packets delivered, by link and class.', 'packets')
  counted('firedrill_wan_link_bytes_total', 'Bytes delivered, by link and class.', 'bytes')
  counted('firedrill_wan_link_dropped_packets_total', 'Packets not delivered, by link and class.', 'dropped')
  counted(
    'firedrill_wan_link_reordered_packets_total',
    'Packets let through ahead of others, by link and class.',
    'reordered',
  )
  const effective = (name: string, help: string, value: (setting: LinksReply['effective'][number]) => number): void =>
    gauges(registry, {
      name,
      help,
      labels: flow,
      values: () =>
        facts.links().effective.map((each) => [{ from: each.from, to: each.to, class: each.class }, value(each)]),
    })
  effective('firedrill_wan_link_up', '1 if packets pass, fences included.', (each) => Number(each.up))
  effective('firedrill_wan_link_delay_seconds', 'One-way delay.', (each) => each.delayMs / 1000)
  effective('firedrill_wan_link_loss_ratio', 'Share of packets that are dropped on purpose.', (each) => each.loss)
  gauges(registry, {
    name: 'firedrill_wan_region_fenced',
    help: '1 if the fence device has cut the region off.',
    labels: ['region'],
    values: () => {
      const fenced = facts.fence().dataSets.flatMap((each) => each.fenced)
      return regions.map((region) => [{ region }, Number(fenced.includes(region))])
    },
  })
  gauge(registry, 'firedrill_wan_fence_device_broken', '1 while chaos has broken the fence device.', () =>
    Number(facts.fence().broken !== null),
  )
  gauges(registry, {
    name: 'firedrill_wan_faults',
    help: 'Faults in the ledger: injected and not yet proven healed.',
    labels: ['kind'],
    values: () =>
      [...Map.groupBy(facts.ledger(), ({ kind }) => kind)].map(([kind, entries]) => [{ kind }, entries.length]),
  })
  return registry
}
