// Malformed runbooks for tests: every place of the good ones at which something can be spoilt, and the line that must be named.
import { Chance } from '#runtime/chance.ts'

export interface Book {
  readonly name: string
  readonly text: string
}

export interface Malformed {
  readonly book: string
  readonly what: string
  readonly text: string
  /** The line that was changed, or that what is missing is missed from; counted from 1. */
  readonly line: number
}

interface Mutation {
  readonly what: string
  /** Matches what is spoilt, in a line that is no comment. */
  readonly at: RegExp
  readonly by: readonly string[]
  /** Where the problem is, counted from the changed line. */
  readonly shift?: number
  /** Not below a line that ends so: the first of a list may stand anywhere, and it is the next one that is odd. */
  readonly notBelow?: RegExp
  /** Not in a runbook that has this already. */
  readonly unlessIn?: RegExp
}

const duration = String.raw`(?<=\b(?:hold|rto|rto-first-write|rpo|within|max-loss|longest-gap|failback-gap|delay|for|timeout): )\d+(?:ms|s|m|h)\b`

/** `$&` is what was matched. Each breaks any runbook at every place where it matches. */
const mutations: readonly Mutation[] = [
  { what: 'a misspelt key', at: /(?<=^|[{,] |- | {4,})[a-z][a-z0-9-]+(?=:( |$))/g, by: ['$&x', 'x$&', 'X'] },
  { what: 'a key in capitals', at: /(?<=^|[{,] |- )(?:hold|load|fault|kind|heal|rate|title)(?=:)/g, by: ['Hold'] },
  { what: 'a missing title', at: /^title: .*\n/g, by: [''] },
  { what: 'a missing rate', at: /rate: \S+, /g, by: [''] },
  { what: 'a missing bound', at: /(?<=hypothesis: \{ )success-rate: '[^']*', (?=p99)/g, by: [''] },
  { what: 'a missing id', at: /id: \S+, (?=kind)/g, by: [''] },
  { what: 'a missing kind', at: /kind: [a-z-]+, (?=target)/g, by: [''] },
  { what: 'a missing target', at: /, target: (?:'[^']*'|[^,}]*[^,} ])/g, by: [''] },
  { what: 'a missing limit', at: /, within: \S+/g, by: [''] },
  { what: 'a missing event', at: /event: \S+ /g, by: [''] },
  { what: 'a list for a value', at: new RegExp(duration, 'g'), by: ['[$&]', '{ s: 1 }', 'true', 'null', '12'] },
  { what: 'a bad duration', at: new RegExp(duration, 'g'), by: ['5 s', '5sec', '-5s', '1e3s', 'soon', '9999h', "''"] },
  { what: 'a number for a rate', at: /(?<=rate: )\d+\/s/g, by: ['100', '100/m', '0/s', '99999/s', 'fast'] },
  { what: 'a wrong share', at: /(?<=reads: )[\d.]+/g, by: ['half', '1.5', '-1', "'0.5'", '[0.5]', '.nan'] },
  { what: 'a wrong title', at: /(?<=^title: ).+/g, by: ['[x]', '{ x: 1 }', '5', "''", 'null'] },
  { what: 'wrong areas', at: /(?<=from: )\[[^\]]*\]/g, by: ['na', '[]', '[na, us]', '[na, na]', '[na, [eu]]'] },
  {
    what: 'text for a mapping',
    at: /(?<=(?:fault|topology|objectives|load|wait-for): )\{.*\}/g,
    by: ['x', '5', '[]', ''],
  },
  { what: 'a wrong home', at: /(?<=home: )[abc]/g, by: ['d', 'A', '1', '[a]'] },
  { what: 'a wrong commit', at: /(?<=commit: )[a-z]+/g, by: ['sync', 'Quorum', 'true'] },
  { what: 'a wrong steering', at: /(?<=steering: )[a-z]+/g, by: ['bgp', '1'] },
  { what: 'a wrong pattern', at: /(?<=pattern: )[a-z-]+/g, by: ['active', 'warm-standby'] },
  { what: 'a wrong kind', at: /(?<=kind: )[a-z-]+(?=, target)/g, by: ['powerloss', 'kill', '7', '[freeze]'] },
  { what: 'a wrong event', at: /(?<=event: )[a-z-]+/g, by: ['failedover', 'done', '3'] },
  { what: 'a wrong class', at: /(?<=class: )[a-z]+/g, by: ['kafkas', '2'] },
  { what: 'wrong clients', at: /(?<=clients: )[a-z]+/g, by: ['go', 'true'] },
  { what: 'a wrong action', at: /(?<=action: )[a-z]+/g, by: ['failbak', '5', '[failback]'] },
  {
    what: 'a wrong move',
    at: /(?<=action: )\{ kind: switchover, to: b \}/g,
    by: ['{ kind: switchover }', '{ kind: go, to: b }', '{ kind: switchover, to: z }', '{ kind: failback, to: b }'],
  },
  { what: 'a loss accepted in vain', at: /(?<=action: )failback/g, by: ['{ kind: failback, accept-data-loss: true }'] },
  { what: 'a wrong region', at: /(?<=target: )region [abc]/g, by: ['region z', 'region', 'a', 'Region a', '5'] },
  {
    what: 'a wrong service',
    at: /(?<=target: )controller\.a/g,
    by: ['controler.a', 'controller.z', 'controller', 'controller.na'],
  },
  { what: 'a wrong link', at: /'a (?:->|<->) [a-z,]+'/g, by: ["'a -> z'", "'a > b'", "'a -> a'", "'-> b'"] },
  { what: 'a bound beyond all', at: /(?<=success-rate: )'>= [\d.]+%'/g, by: ["'>= 101%'", "'> 99%'", '99', "'>= x%'"] },
  { what: 'a wrong p99', at: /(?<=p99: )'<= \d+m?s'/g, by: ["'>= 5ms'", '500', "'<= 5h'"] },
  { what: 'a wrong count', at: /(?<=(?:failback-failed|failed|acked): )\d+/g, by: ['-1', '0.5', 'none', '[0]'] },
  {
    what: 'a wrong stop loss',
    at: /(?<=(?:success-rate|p99|epochs): )'[<>] \d[^']*'/g,
    by: ["'always'", '5', "'< 0% for 5s'"],
  },
  { what: 'a repeated key', at: /(?<=[{,] )([a-z][a-z0-9-]*): (?:[^\s,{}[\]']+)(?=,| \})/g, by: ['$&, $&'] },
  {
    what: 'a repeated line',
    at: /^(?:title|topology|objectives|load|steady-state-hypothesis|abort-when): .*\n/g,
    by: ['$&$&'],
    shift: 1,
  },
  { what: 'a fault twice', at: /^ +- fault: .*\n/g, by: ['$&$&'], shift: 1 },
  {
    what: 'two things in one step',
    at: /^( {2})- (?:heal|hold|wait-for|fault): .*\n/g,
    by: ['$&    approve: Really?\n', '$&    action: failback\n'],
    notBelow: /^rollback:/,
  },
  {
    what: 'an expectation of no hold',
    at: /^ {2}- (?:heal|wait-for|fault): .*\n/g,
    by: ['$&    expect: { failed: 0 }\n'],
    notBelow: /^rollback:/,
  },
  { what: 'an empty expectation', at: /(?<=expect: )\{.*\}/g, by: ['{}', '{ lost: 1 }', '7'] },
  {
    what: 'a step too far right',
    at: /^ {2}(?=- (?:heal|wait-for|fault|hold|action): )/g,
    by: ['   ', '     '],
    notBelow: /:\n$/,
  },
  { what: 'a step too far left', at: /^ {2}(?=- (?:heal|wait-for|hold|action): )/g, by: [' '], notBelow: /:\n$/ },
  {
    what: 'a key too far right',
    at: /^(?=(?:objectives|load|steady-state-hypothesis|method|topology):)/g,
    by: [' ', '   '],
  },
  {
    what: 'an unknown parameter',
    at: new RegExp(duration, 'g'),
    by: ['${nowhere}', "'${nowhere}'", '${}', "'${Nowhere} s'"],
  },
  { what: 'an unknown parameter in text', at: /(?<=^title: ).+/g, by: ['$& ${nowhere}', '${nowhere}'] },
  { what: 'a heal of nothing', at: /(?<=heal: )[a-z-]+/g, by: ['nothing', '$&s', '5', '[a]', "''"] },
  { what: 'an alias of nothing', at: new RegExp(duration, 'g'), by: ['*nobody'] },
  { what: 'an alias of nothing', at: /(?<=heal: )[a-z-]+/g, by: ['*nobody'] },
  { what: 'a tag that nobody knows', at: /(?<=heal: |home: |hold: )[a-z0-9-]+/g, by: ['!odd $&', '!!binary $&'] },
  { what: 'a tab', at: /^ {2}(?=- )/g, by: ['\t', ' \t'] },
  { what: 'a tab before a key', at: /^(?=(?:objectives|load|steady-state-hypothesis|method):)/g, by: ['\t'] },
  { what: 'binary junk', at: /(?<=[a-z])(?=[a-z])/g, by: ['\u0000', '\u001b[2J', '\ufffd', '\u007f\u0001'] },
  { what: 'a missing brace', at: / \}(?=\n)/g, by: [''] },
  { what: 'a brace too many', at: / \}(?=\n)/g, by: ['$& }', '$&]'] },
  { what: 'a bracket for a brace', at: / \}(?=\n)/g, by: [' ]'] },
  { what: 'a missing quote', at: /'(?=,| \}|\n)/g, by: [''] },
  { what: 'a missing colon', at: /(?<=- (?:hold|heal|action)): /g, by: [' ', ':'] },
  { what: 'an empty value', at: /(?<=(?:hold|heal|action|load|topology):) .*(?=\n)/g, by: ['', ' ~'] },
  { what: 'a second document', at: /^(?=(?:load|objectives|method):)/g, by: ['---\n'] },
  { what: 'nobody to ask', at: /^ {2}- (?=hold: )/g, by: ['  - approve: Really?\n$&'] },
  {
    what: 'an unknown step',
    at: /^ {2}- (?=hold: )/g,
    by: ['  - sleep: 5s\n$&', '  - 5\n$&', '  - text\n$&', '  - []\n$&', '  - {}\n$&', '  -\n$&'],
  },
  {
    what: 'a wait for what nothing caused',
    at: /^method:\n/g,
    by: ['$&  - wait-for: { event: failover-complete, within: 5s }\n'],
    shift: 1,
  },
  {
    what: 'a branch in a branch',
    at: /^method:\n/g,
    by: ['$&  - parallel: [{ hold: 1s }, { parallel: [{ hold: 1s }, { hold: 2s }] }]\n'],
    shift: 1,
  },
  {
    what: 'a single branch',
    at: /^method:\n/g,
    by: ['$&  - parallel: [{ hold: 1s }]\n', '$&  - parallel: [[], { hold: 1s }]\n', '$&  - parallel: { hold: 1s }\n'],
    shift: 1,
  },
  {
    what: 'a rollback that breaks or asks',
    at: /^method:\n/g,
    by: [
      'rollback: [{ approve: Really? }]\n$&',
      'rollback: [{ heal: nothing }]\n$&',
      'rollback: [{ hold: 1 }]\n$&',
      'rollback: { hold: 1s }\n$&',
    ],
    unlessIn: /^rollback:/m,
  },
  {
    what: 'a bad parameter',
    at: /^method:\n/g,
    by: [
      'parameters: { unused: 5 }\n$&',
      'parameters: { load: 5 }\n$&',
      'parameters: { X: 5 }\n$&',
      'parameters: { x: [5] }\n$&',
      'parameters: [x]\n$&',
    ],
  },
]

function placesOf(book: Book, mutation: Mutation): readonly Malformed[] {
  const lines = book.text.split(/(?<=\n)/)
  if (mutation.unlessIn?.test(book.text) === true) return []
  return lines.flatMap((line, index) => {
    if (line.startsWith('#') || mutation.notBelow?.test(lines[index - 1] ?? '') === true) return []
    return [...line.matchAll(mutation.at)].flatMap((match) =>
      mutation.by.map((by): Malformed => {
        const spoilt = by.replaceAll('$&', () => match[0])
        const changed = line.slice(0, match.index) + spoilt + line.slice(match.index + match[0].length)
        return {
          book: book.name,
          what: mutation.what,
          text: lines.with(index, changed).join(''),
          line: index + 1 + (mutation.shift ?? 0),
        }
      }),
    )
  })
}

/** Every mutation in turn, each at places that the seed draws, until there are `count`. */
export function malformedRunbooks(books: readonly Book[], seed: number, count: number): readonly Malformed[] {
  const chance = new Chance(seed, 0)
  const heaps = mutations.map((mutation) => chance.shuffle(books.flatMap((book) => placesOf(book, mutation))))
  const drawn: Malformed[] = []
  for (let round = 0; drawn.length < count; round += 1) {
    const next = heaps.flatMap((heap) => heap.slice(round, round + 1))
    if (next.length === 0) return drawn
    drawn.push(...next.slice(0, count - drawn.length))
  }
  return drawn
}

export const mutationNames: readonly string[] = [...new Set(mutations.map((each) => each.what))]
