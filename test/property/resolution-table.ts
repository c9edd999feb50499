// The error of `restored` by rate, over 1,000 histories each: `node test/property/resolution-table.ts`. Times in ms.
import { rates, tryRate } from './resolution.ts'

const histories = 1000

function middle(values: readonly number[]): string {
  const sorted = values.toSorted((left, right) => left - right)
  return (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(0)
}

const largest = (values: readonly number[]): string => Math.max(...values).toFixed(0)

process.stdout.write('rate/s      n  error median    max  resolution median    max  unknown  wrong\n')
for (const rate of rates) {
  const tried = tryRate(rate, histories)
  const known = tried.filter(({ figureMs }) => figureMs !== null)
  const errors = known.map(({ errorMs }) => errorMs)
  const resolutions = known.map(({ resolutionMs }) => resolutionMs)
  const wrong = tried.filter((each) => each.wrong !== null).length
  const columns = [
    `${rate}`.padStart(6),
    `${tried.length}`.padStart(6),
    middle(errors).padStart(13),
    largest(errors).padStart(6),
    middle(resolutions).padStart(18),
    largest(resolutions).padStart(6),
    `${tried.length - known.length}`.padStart(8),
    `${wrong}`.padStart(6),
  ]
  process.stdout.write(`${columns.join(' ')}\n`)
}
