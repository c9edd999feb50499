// Each kind of fault in a simulated world: how it begins, and how it is healed.
import type { LinkClass } from '../network.ts'
import type { Process } from '../process.ts'
import type { World } from '../world.ts'
import type { Fault, FaultKind } from './kinds.ts'
import { type Sides, sidesOf } from './sides.ts'

export type Heal = () => void

/** Seen by fuzz: half of a lost region's containers are dead within 1.3 s, all within 2.6 s. */
const longestDeathMs = 2600

const nothing: Heal = () => undefined

type Injection = (world: World, fault: Fault) => Heal

const cutting =
  (links: (world: World, fault: Fault) => Sides): Injection =>
  (world, fault) =>
    cut(world, links(world, fault), fault.linkClass)

const freezing =
  (processes: (world: World, site: number) => readonly (Process | undefined)[]): Injection =>
  (world, { site }) =>
    freeze(processes(world, site))

const injections: Readonly<Record<FaultKind, Injection>> = {
  'kill-controller': (world, { site }) => {
    world.controllers[site]?.process.kill()
    return () => world.startController(site)
  },
  'kill-node': (world, { site }) => {
    world.agents[site]?.kill()
    return () => world.startAgent(site)
  },
  'kill-app': (world, { site }) => {
    world.apps[site]?.process.kill()
    return () => world.startApp(site)
  },
  'kill-etcd': (world, { site }) => {
    world.members[site]?.kill()
    return () => world.startEtcd(site)
  },
  'kill-bridge': (world, { site }) => {
    world.bridges[site]?.process.kill()
    return () => world.startBridge(site)
  },
  'crash-postgres': (world, { site }) => {
    world.agents[site]?.crashPostgres()
    return nothing
  },
  'region-loss': (world, { site }) => loseRegion(world, site),
  'freeze-controller': freezing((world, site) => [world.controllers[site]?.process]),
  'freeze-node': freezing((world, site) => [world.agents[site]?.process]),
  'freeze-app': freezing((world, site) => [world.apps[site]?.process]),
  'freeze-etcd': freezing((world, site) => [world.members[site]]),
  'freeze-region': freezing((world, site) => world.processesOf(site)),
  'partition-one-way': cutting((_, { site, other }) => [[site, other]]),
  'partition-pair': cutting((_, { site, other }) => sidesOf.pair(site, other)),
  'partition-isolate': (world, { site }) => cut(world, sidesOf.isolate(world, site), null),
  'partition-clients-stay': cutting((world, { site }) => sidesOf.fromRegions(world, site)),
  'partition-groups': cutting((world, { group }) => sidesOf.groups(world, group)),
  'partition-bridge': cutting((world, { site }) => sidesOf.bridge(world, site)),
  'partition-flapping': flap,
  'partition-class': (world, { site, linkClass }) => cut(world, sidesOf.isolate(world, site), linkClass ?? 'control'),
  'bad-link': badLink,
  'clock-jump': (world, { site, variant, amountMs }) => {
    world.clocks.jump(site, variant ? amountMs * 10 : -amountMs * 10)
    return nothing
  },
  'slow-disk': (world, { site, amountMs }) => {
    const slow = (byMs: number): void => {
      const postgres = world.agents[site]?.postgres
      if (postgres !== undefined) postgres.slowDiskMs = byMs
    }
    slow(Math.min(amountMs, 1500))
    return () => slow(0)
  },
  'slow-process': (world, { site, variant, amountMs }) => {
    const slow = variant ? [world.controllers[site]?.process] : world.processesOf(site)
    for (const each of slow) if (each !== undefined) each.lagMs = Math.min(amountMs, 800)
    return () => {
      for (const each of slow) if (each !== undefined) each.lagMs = 0
    }
  },
  'replay-paused': (world, { site, forMs }) => {
    const postgres = world.agents[site]?.postgres
    if (postgres !== undefined) postgres.replayPausedUntilMs = world.now + Math.min(forMs, 10_000)
    return nothing
  },
  'fence-broken': (world, { variant }) => {
    world.fence.broken = variant ? 'refuse' : 'silent'
    return () => (world.fence.broken = null)
  },
  'lost-answers': (world, { amountMs }) => {
    world.etcd.losesAnswers += 1 + (amountMs % 3)
    return () => (world.etcd.losesAnswers = 0)
  },
  'cancel-waits': (world, { site }) => {
    world.agents[site]?.postgres.endWaits('unvouched')
    return nothing
  },
  'terminate-waits': (world, { site }) => {
    world.agents[site]?.postgres.endWaits('broken')
    return nothing
  },
  'kafka-lost': (world, { site }) => {
    world.bridges[site]?.loseKafka()
    return nothing
  },
  switchover: (world, { site }) => {
    order(world, site, { kind: 'switchover', to: site })
    return nothing
  },
  failover: (world, { site, other, variant, amountMs }) => {
    const to = variant ? (world.regions[other] ?? null) : null
    order(world, site, { kind: 'failover', to, acceptDataLoss: amountMs > 2000 })
    return nothing
  },
  'failback-twice': (world, { amountMs }) => {
    order(world, 0, { kind: 'switchover', to: 0 })
    world.timeline.at(amountMs, () => order(world, 0, { kind: 'switchover', to: 0 }))
    return nothing
  },
}

/** @returns how it is healed */
export function inject(world: World, fault: Fault): Heal {
  return injections[fault.kind](world, fault)
}

/** What an operator asks of the controller of `site`. */
export function order(
  world: World,
  site: number,
  command:
    | { readonly kind: 'switchover'; readonly to: number }
    | { readonly kind: 'failover'; readonly to: World['regions'][number] | null; readonly acceptDataLoss: boolean },
): void {
  const controller = world.controllers[site]
  if (controller === undefined) return
  const request = `${command.kind}-${world.now}`
  controller.process.deliver(() => {
    if (command.kind === 'failover') controller.take({ ...command, request })
    else controller.take({ kind: 'switchover', request, to: world.regions[command.to] ?? controller.region })
  })
}

/** Cut at one instant, then killed one after another, as real containers die: nobody hears a last word. */
export function loseRegion(world: World, site: number): Heal {
  const heal = cut(world, sidesOf.isolate(world, site), null)
  let isLost = true
  for (const kill of world.killsOf(site))
    world.timeline.at(world.chance.between(0, longestDeathMs), () => {
      if (isLost) kill()
    })
  return () => {
    isLost = false
    for (const kill of world.killsOf(site)) kill()
    heal()
    world.startRegion(site)
  }
}

function freeze(processes: readonly (Process | undefined)[]): Heal {
  for (const each of processes) each?.freeze()
  return () => {
    for (const each of processes) each?.thaw()
  }
}

function cut(world: World, links: Sides, kind: LinkClass | null): Heal {
  for (const [from, to] of links) world.network.change(from, to, kind, 1)
  return () => {
    for (const [from, to] of links) world.network.change(from, to, kind, -1)
  }
}

function flap(world: World, fault: Fault): Heal {
  let heal: Heal | null = null
  let isOver = false
  const turn = (): void => {
    if (isOver) return
    if (heal === null) heal = cut(world, sidesOf.isolate(world, fault.site), fault.linkClass)
    else {
      heal()
      heal = null
    }
    world.timeline.at(Math.max(50, Math.min(fault.amountMs, 2000)), turn)
  }
  turn()
  return () => {
    isOver = true
    heal?.()
  }
}

function badLink(world: World, { site, other, trouble, variant }: Fault): Heal {
  const links: Sides = variant ? sidesOf.isolate(world, site) : sidesOf.pair(site, other)
  for (const [from, to] of links) world.network.trouble(from, to, trouble)
  return () => {
    for (const [from, to] of links) world.network.trouble(from, to, null)
  }
}
