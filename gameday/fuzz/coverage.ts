// What a session of runs has tried: how often each kind of fault, and which kinds lasted together or met an order. Pure.
import { fuzzedKinds, type FuzzedKind } from './faults.ts'
import { renderTable } from '../bench/distribution.ts'
import type { Drawn, PlannedFault } from './draw.ts'

/** A planned move takes about so long. */
const orderLastsMs = 1000

export interface Coverage {
  readonly drawn: Readonly<Record<FuzzedKind, number>>
  /** How often faults of two kinds lasted together, by `kind + kind` in the order of kinds. */
  readonly together: ReadonlyMap<string, number>
  /** How often an order was given while a fault of the kind lasted, or just before it began. */
  readonly metOrder: Readonly<Record<FuzzedKind, number>>
}

function overlap(one: PlannedFault, other: PlannedFault): boolean {
  return one.fromMs <= other.toMs && other.fromMs <= one.toMs
}

function pairName(one: FuzzedKind, other: FuzzedKind): string {
  return [one, other].toSorted((left, right) => fuzzedKinds.indexOf(left) - fuzzedKinds.indexOf(right)).join(' + ')
}

function zero(): Record<FuzzedKind, number> {
  return Object.fromEntries(fuzzedKinds.map((kind) => [kind, 0])) as Record<FuzzedKind, number>
}

export function coverageOf(draws: readonly Drawn[]): Coverage {
  const drawn = zero()
  const metOrder = zero()
  const together = new Map<string, number>()
  for (const { faults, orders } of draws)
    for (const [index, fault] of faults.entries()) {
      const { kind } = fault.words
      drawn[kind] += 1
      metOrder[kind] += orders.filter(({ atMs }) => atMs + orderLastsMs >= fault.fromMs && atMs <= fault.toMs).length
      for (const other of faults.slice(index + 1)) {
        if (!overlap(fault, other)) continue
        const name = pairName(kind, other.words.kind)
        together.set(name, (together.get(name) ?? 0) + 1)
      }
    }
  return { drawn, together, metOrder }
}

/** One row a kind: how often it was drawn, with an order, and together with each kind. */
export function renderCoverage({ drawn, together, metOrder }: Coverage): string {
  const pairs = (fuzzedKinds.length * (fuzzedKinds.length + 1)) / 2
  const rows = fuzzedKinds.map((kind) => [
    kind,
    String(drawn[kind]),
    String(metOrder[kind]),
    ...fuzzedKinds.map((other) => String(together.get(pairName(kind, other)) ?? 0)),
  ])
  return [
    renderTable([['fault', 'drawn', 'at an order', ...fuzzedKinds.map((kind) => `+ ${kind}`)], ...rows]),
    `${together.size} of ${pairs} pairs of kinds lasted together`,
  ].join('\n')
}
