// The product and the checker on the same generated histories: where they differ, and what each found of what was planted.
import { measure } from '#gameday/measure/measure.ts'
import type { DrillRecord } from '#gameday/measure/record.ts'
import { asFiles } from './as-files.ts'
import { figuresOf, type Figures } from './figures.ts'
import { isFound, type Shown } from './found.ts'
import { generateHistory, type History } from './generate-history.ts'
import { checkOf, differences, journalValues, type JournalFile } from './journal-figures.ts'
import type { Planted, PlantedKind } from './planted.ts'

export interface FoundOfKind {
  planted: number
  byProduct: number
  byChecker: number
}

export interface Agreement {
  readonly histories: number
  readonly operations: number
  readonly different: readonly { readonly seed: number; readonly lines: readonly string[] }[]
  readonly found: ReadonlyMap<PlantedKind, FoundOfKind>
  /** `seed kind` of what one of the two did not find. */
  readonly overlooked: { readonly byProduct: readonly string[]; readonly byChecker: readonly string[] }
}

/** Through text, as it is written and read. */
function journalOf(record: DrillRecord): JournalFile {
  return JSON.parse(JSON.stringify(measure(record))) as JournalFile
}

/** What only a check tells, without a number, counts as found as it was planted if the check fails. */
function shownBy(journal: JournalFile, planted: readonly Planted[]): Shown {
  const told = (figure: string, kind: PlantedKind): number =>
    checkOf(journal, figure) === 'fail' ? (planted.find((each) => each.kind === kind)?.count ?? 0) : 0
  const shared = told('shared order ids', 'shared order ids')
  const ended = told('faults ended before their heal', 'fault ended early')
  const isComplete = Object.values(journal.collection).every(({ missing }) => missing === 0)
  return {
    values: {
      ...journalValues(journal),
      'shared order ids': isComplete ? shared : null,
      'faults ended before their heal': ended,
    },
    atLeast: { ...journal.atLeast, ...(isComplete ? {} : { 'shared order ids': shared }) },
  }
}

/** Lines in order of area and number; those of one number stay in their order. */
export function inOrder(record: DrillRecord): DrillRecord {
  const operations = record.operations.toSorted(
    (left, right) => left.area.localeCompare(right.area) || left.seq - right.seq,
  )
  return { ...record, operations }
}

/** A history as the checker sees it, and as the product does. */
export interface Seen {
  readonly history: History
  readonly figures: Figures
  readonly journal: JournalFile
}

export function seeHistory(seed: number): Seen {
  const history = generateHistory(seed)
  return { history, figures: figuresOf(asFiles(history.record)), journal: journalOf(history.record) }
}

/** What neither of the two found among the planted is listed for both. */
function lookFor({ history, figures, journal }: Seen, found: Map<PlantedKind, FoundOfKind>) {
  const overlooked: { byProduct: string[]; byChecker: string[] } = { byProduct: [], byChecker: [] }
  const product = shownBy(journal, history.planted)
  for (const planted of history.planted) {
    const of = found.get(planted.kind) ?? { planted: 0, byProduct: 0, byChecker: 0 }
    const byChecker = isFound(planted, figures, history, () => figuresOf(asFiles(inOrder(history.record))))
    const byProduct = isFound(planted, product, history, () =>
      shownBy(journalOf(inOrder(history.record)), history.planted),
    )
    if (!byChecker) overlooked.byChecker.push(`${history.plan.seed} ${planted.kind}`)
    if (!byProduct) overlooked.byProduct.push(`${history.plan.seed} ${planted.kind}`)
    found.set(planted.kind, {
      planted: of.planted + 1,
      byProduct: of.byProduct + Number(byProduct),
      byChecker: of.byChecker + Number(byChecker),
    })
  }
  return overlooked
}

/** Histories of the seeds 1 to `count`. `tell` is called after each. */
export function compareHistories(count: number, tell: (seed: number) => void = () => {}): Agreement {
  const found = new Map<PlantedKind, FoundOfKind>()
  const different: { seed: number; lines: readonly string[] }[] = []
  const overlooked: { byProduct: string[]; byChecker: string[] } = { byProduct: [], byChecker: [] }
  let operations = 0
  for (let seed = 1; seed <= count; seed += 1) {
    const seen = seeHistory(seed)
    const { history, figures, journal } = seen
    operations += history.record.operations.length
    const lines = differences(figures, journal, history.isClean)
    if (lines.length > 0) different.push({ seed, lines })
    const { byProduct, byChecker } = lookFor(seen, found)
    overlooked.byProduct.push(...byProduct)
    overlooked.byChecker.push(...byChecker)
    tell(seed)
  }
  return { histories: count, operations, different, found, overlooked }
}
