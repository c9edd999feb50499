// Draws one fault of a kind: target, options, how long it lasts. As a runbook states it, so that it can be written down and replayed.
import type { z } from 'zod'
import type { faultSpec } from '#protocol/faults.ts'
import { areas, linkClasses, regionHosts, regions, sites, type Region } from '#protocol/sites.ts'
import type { Chance } from '#runtime/chance.ts'

/** The kinds that are drawn: those that the control plane has to decide about. */
export const fuzzedKinds = [
  'power-loss',
  'partition',
  'freeze',
  'postgres-crash',
  'link-degrade',
  'process-kill',
] as const
export type FuzzedKind = (typeof fuzzedKinds)[number]

/** A fault in the words of a runbook. */
export type FaultWords = Extract<z.input<typeof faultSpec>, { kind: FuzzedKind }>

type WithoutId<Words> = Words extends unknown ? Omit<Words, 'id' | 'for'> : never
export interface DrawnFault {
  readonly words: WithoutId<FaultWords>
  /** From its injection to its heal. */
  readonly lastsMs: number
}

/** Services whose death, alone, must neither move the primary role nor end the service. */
const harmlessServices = ['kafka', 'redis', 'bridge', 'dns'] as const

/** Half of all regional faults hit the region that is primary at first. */
function region(chance: Chance, home: Region): Region {
  return chance.is(0.5) ? home : chance.pick(regions)
}

function powerLoss(chance: Chance, home: Region): DrawnFault {
  return {
    words: { kind: 'power-loss', target: `region ${region(chance, home)}` },
    lastsMs: chance.between(2000, 6000, 500),
  }
}

function partition(chance: Chance, home: Region): DrawnFault {
  const linkClass = chance.is(0.4) ? chance.pick(linkClasses) : null
  const target = `region ${region(chance, home)}`
  const clients = chance.pick(['cut', 'stay'] as const)
  return {
    words: {
      kind: 'partition',
      target,
      // Apps of different regions seldom talk: a cut that drops nothing can't be shown to be one.
      clients: linkClass === 'app' ? 'cut' : clients,
      ...(linkClass === null ? {} : { class: linkClass }),
      // The bus may be cut for long, and the primary role must not care.
      ...(linkClass === 'kafka' ? { background: true } : {}),
    },
    lastsMs: chance.between(1000, 8000, 500),
  }
}

function freeze(chance: Chance, home: Region): DrawnFault {
  return {
    words: { kind: 'freeze', target: `region ${region(chance, home)}` },
    lastsMs: chance.between(500, 7000, 500),
  }
}

function postgresCrash(chance: Chance, home: Region): DrawnFault {
  return {
    // Of a node whose copying was broken off nothing runs until it finds a primary.
    words: { kind: 'postgres-crash', target: `region ${region(chance, home)}`, optional: true },
    lastsMs: chance.between(500, 4000, 500),
  }
}

/** Poor as a bad day's links are: nothing may come of it. */
function poorLink(chance: Chance): Pick<DrawnFault['words'] & { kind: 'link-degrade' }, 'jitter' | 'loss'> {
  return { jitter: chance.between(0, 0.1, 0.05), loss: chance.pick([0.002, 0.005, 0.01]) }
}

function linkDegrade(chance: Chance): DrawnFault {
  const lastsMs = chance.between(2000, 8000, 500)
  if (chance.is(0.3))
    return { words: { kind: 'link-degrade', target: 'all', ...poorLink(chance), background: true }, lastsMs }
  const [from, to] = chance.shuffle(chance.is(0.7) ? regions : sites)
  const target = `${from} ${chance.pick(['->', '<->'])} ${to}`
  const linkClass = chance.is(0.3) ? chance.pick(linkClasses) : null
  const ill = chance.pick([
    { loss: 1 },
    { loss: chance.pick([0.05, 0.2, 0.5]) },
    { delay: `${chance.between(100, 600, 50)}ms`, jitter: chance.pick([0, 0.5, 1]) },
    { reorder: chance.pick([0.05, 0.3]) },
    { bandwidth: chance.pick(['64kbit', '500kbit', '2Mbit']) },
  ])
  return {
    words: { kind: 'link-degrade', target, ...ill, ...(linkClass === null ? {} : { class: linkClass }) },
    lastsMs,
  }
}

function processKill(chance: Chance, home: Region): DrawnFault {
  const signal = chance.is(0.75) ? 'kill' : 'stop'
  const lastsMs = chance.between(1000, 7000, 500)
  const site = region(chance, home)
  const vital = Object.keys(regionHosts).filter((each) => !(harmlessServices as readonly string[]).includes(each))
  const shape = chance.between(0, 9)
  if (shape === 0) return { words: { kind: 'process-kill', target: `glb.${chance.pick(areas)}`, signal }, lastsMs }
  if (shape === 1)
    return { words: { kind: 'process-kill', target: `${chance.pick(['controller', 'etcd'])}.*`, signal }, lastsMs }
  if (shape <= 4)
    return {
      words: {
        kind: 'process-kill',
        target: `${chance.pick(harmlessServices)}.${chance.is(0.3) ? '*' : site}`,
        signal,
        background: true,
      },
      lastsMs,
    }
  const [first, second] = chance.shuffle(vital)
  const target = shape <= 7 ? `${first}.${site}` : `${first}.${site}, ${second}.${chance.pick(regions)}`
  return { words: { kind: 'process-kill', target, signal }, lastsMs }
}

const drawers: Readonly<Record<FuzzedKind, (chance: Chance, home: Region) => DrawnFault>> = {
  'power-loss': powerLoss,
  partition,
  freeze,
  'postgres-crash': postgresCrash,
  'link-degrade': linkDegrade,
  'process-kill': processKill,
}

/** @param home the region that is primary at first */
export function drawFault(chance: Chance, kind: FuzzedKind, home: Region): DrawnFault {
  return drawers[kind](chance, home)
}
