// Missing operations in words, by their numbers.

const mostSpans = 3

/** @param numbers in growing order, each once; not empty */
export function missingInWords(numbers: readonly number[]): string {
  const spans: { first: number; last: number }[] = []
  for (const each of numbers) {
    const span = spans.at(-1)
    if (span !== undefined && span.last + 1 === each) span.last = each
    else spans.push({ first: each, last: each })
  }
  if (numbers.length === 1) return `operation ${numbers[0]} was never collected`
  if (spans.length > mostSpans)
    return `${numbers.length} of the operations ${numbers[0]} to ${numbers.at(-1)} were never collected`
  const told = spans.map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`))
  return `operations ${told.join(', ')} were never collected`
}
