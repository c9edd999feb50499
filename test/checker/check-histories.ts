// 10,000 generated histories through the product and the checker: `npm run -s check-histories`. `SEED` alone shows one history's differences.
import { compareHistories, seeHistory, type Agreement } from './agreement.ts'
import { differences } from './journal-figures.ts'
import { plantedKinds } from './planted.ts'

const histories = 10_000
const most = 20

const say = (line: string): boolean => process.stdout.write(`${line}\n`)

function sayTable({ found }: Agreement): void {
  say(`${'planted'.padEnd(28)} count  product  checker`)
  for (const kind of plantedKinds) {
    const { planted, byProduct, byChecker } = found.get(kind) ?? { planted: 0, byProduct: 0, byChecker: 0 }
    const numbers = `${String(planted).padStart(5)}  ${String(byProduct).padStart(7)}  ${String(byChecker).padStart(7)}`
    say(`${kind.padEnd(28)} ${numbers}`)
  }
}

/** Figures without the names of incidents and areas: how often each differs. */
function sayDifferences({ different }: Agreement): void {
  const byFigure = Map.groupBy(
    different.flatMap(({ seed, lines }) => lines.map((line) => ({ seed, line }))),
    ({ line }) =>
      line
        .replace(/: .*/, '')
        .replace(/@\d+/, '')
        .replace(/\.(na|eu|ap)\./, '.AREA.'),
  )
  const sorted = [...byFigure].sort(([, left], [, right]) => right.length - left.length)
  for (const [figure, each] of sorted)
    say(`  ${figure}: ${each.length} times, first in history ${each[0]?.seed}: ${each[0]?.line}`)
}

function checkAll(): number {
  const agreement = compareHistories(histories, (seed) => {
    if (seed % 1000 === 0) process.stderr.write(`${seed} histories\n`)
  })
  const { operations, different, overlooked } = agreement
  say(`${histories} histories, ${operations} operations: ${different.length} histories with differences`)
  sayDifferences(agreement)
  sayTable(agreement)
  for (const line of overlooked.byProduct.slice(0, most)) say(`not found by the product: history ${line}`)
  for (const line of overlooked.byChecker.slice(0, most)) say(`not found by the checker: history ${line}`)
  return different.length + overlooked.byProduct.length + overlooked.byChecker.length === 0 ? 0 : 1
}

function checkOne(seed: number): number {
  const { history, figures, journal } = seeHistory(seed)
  const { causes, areas, rate, reads, successRate, p99Ms, epochs } = history.plan
  say(JSON.stringify({ planted: history.planted, areas, rate, reads, successRate, p99Ms, origin: `${history.origin}` }))
  say(JSON.stringify({ causes, epochs }, null, 1))
  const lines = differences(figures, journal, history.isClean)
  for (const line of lines) say(line)
  say(`${lines.length} differences`)
  return lines.length === 0 ? 0 : 1
}

process.exitCode = process.argv[2] === undefined ? checkAll() : checkOne(Number(process.argv[2]))
