// Numbers in words: `161 to 599`, `5, 9 to 12 and 40 more`.

const spansTold = 5

/** @param numbers in growing order, each once; not empty */
export function spansInWords(numbers: readonly number[]): string {
  const spans: { first: number; last: number }[] = []
  for (const each of numbers) {
    const span = spans.at(-1)
    if (span !== undefined && span.last + 1 === each) span.last = each
    else spans.push({ first: each, last: each })
  }
  const told = spans.slice(0, spansTold).map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`))
  const more = spans.slice(spansTold).reduce((sum, { first, last }) => sum + last - first + 1, 0)
  return more === 0 ? told.join(', ') : `${told.join(', ')} and ${more} more`
}
