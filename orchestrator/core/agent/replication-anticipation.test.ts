// A model of walsender and walreceiver with the anticipation in between, over any chunk borders and any order of arrival.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  anticipation,
  begin,
  fromSource,
  fromWalreceiver,
  learnNext,
  learnStart,
  nextTimeline,
  streamStart,
  type Anticipation,
  type Known,
  type NextTimeline,
} from './replication-anticipation.ts'
import { copyDone, join, messageTypes, query, takeMessages, textOf } from './replication-framing.ts'

const none: Uint8Array = new Uint8Array()

function message(type: string, body = ''): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + body.length)
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body)])
}

const startup = Buffer.concat([Buffer.from([0, 0, 0, 20, 0, 3, 0, 0]), Buffer.from('user\0agent\0\0')])
const identify = query('IDENTIFY_SYSTEM')
const stream = (lsn: string, timeline: number): Uint8Array => query(`START_REPLICATION ${lsn} TIMELINE ${timeline}`)
const ready = message('Z', 'I')

/** Answers in the order of the questions. Each answer carries its question, so that no other can be taken for it. */
class Walsender {
  readonly #newest: number
  #hasBegun = false
  #rest = none
  #copy: 'none' | 'live' | 'over' = 'none'
  #stream = ''
  /** Replies that it counts, each with the stream in which it counts it. */
  readonly replies: { stream: string; reply: string }[] = []

  constructor(newest: number) {
    this.#newest = newest
  }

  hear(bytes: Uint8Array): Uint8Array {
    const { messages, rest } = takeMessages(join(this.#rest, bytes), this.#hasBegun)
    this.#rest = rest
    return messages.map((each) => this.#answer(each)).reduce(join, none)
  }

  #answer(asked: Uint8Array): Uint8Array {
    if (!this.#hasBegun) {
      this.#hasBegun = true
      return [message('R', '\0\0\0\0'), message('S', 'a\0b\0'), message('K', '12345678'), ready].reduce(join)
    }
    if (asked[0] === messageTypes.copyData) {
      const reply = String.fromCharCode(...asked.subarray(5))
      if (this.#copy !== 'none') this.replies.push({ stream: this.#stream, reply })
      return none
    }
    if (asked[0] === messageTypes.copyDone) {
      if (this.#copy === 'none') return none
      const own = this.#copy === 'live' ? copyDone : none
      this.#copy = 'none'
      return [own, message('T', 'next'), message('D', 'next'), message('C', 'S'), message('C', 'R'), ready].reduce(join)
    }
    const text = textOf(asked)
    if (!text.startsWith('START')) return [message('T', text), message('D', text), message('C'), ready].reduce(join)
    const timeline = Number(text.split(' ').at(-1))
    if (timeline > this.#newest) return join(message('E', text), ready)
    this.#stream = text
    this.#copy = timeline < this.#newest ? 'over' : 'live'
    const wal = [message('W', text), message('d', `w1 ${text}`), message('d', `w2 ${text}`)].reduce(join)
    return this.#copy === 'over' ? join(wal, copyDone) : wal
  }
}

/** Asks its questions one after another, each when the one before is answered; replies to WAL, also after it has ended. */
class Walreceiver {
  readonly #questions: Uint8Array[]
  #rest = none
  seen = none
  isWaiting = false
  #said = 0
  #stream = ''
  readonly replies: string[] = []

  constructor(questions: readonly Uint8Array[]) {
    this.#questions = [...questions]
  }

  get isDone(): boolean {
    return this.#questions.length === 0
  }

  ask(): Uint8Array {
    this.isWaiting = true
    return this.#questions.shift() ?? none
  }

  #reply(): Uint8Array {
    const text = `${(this.#said += 1)} ${this.#stream}`
    this.replies.push(text)
    return message('d', text)
  }

  hear(bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0) return none
    assert.ok(this.isWaiting, `an answer that was not asked for: ${String(Buffer.from(bytes))}`)
    this.seen = join(this.seen, bytes)
    const { messages, rest } = takeMessages(join(this.#rest, bytes), true)
    this.#rest = rest
    return messages.map((each) => this.#take(each)).reduce(join, none)
  }

  #take(told: Uint8Array): Uint8Array {
    if (told[0] === messageTypes.copyBoth) this.#stream = String.fromCharCode(...told.subarray(5))
    if (told[0] === messageTypes.copyData) return this.#reply()
    if (told[0] === messageTypes.copyDone) return join(this.#reply(), copyDone)
    if (told[0] !== messageTypes.readyForQuery) return none
    this.isWaiting = false
    return this.isDone ? none : this.ask()
  }
}

/** What the walreceiver would see without anything in between. */
function directly(questions: readonly Uint8Array[], newest: number): Uint8Array {
  const walsender = new Walsender(newest)
  const walreceiver = new Walreceiver(questions)
  let sent = walreceiver.ask()
  while (sent.length > 0) sent = walreceiver.hear(walsender.hear(sent))
  return walreceiver.seen
}

type Run = { seen: Uint8Array; isClosed: boolean; ahead: number; isDone: boolean }

/** One connection through the anticipation. `picks` decide what arrives next, and how much of it. */
function linked(
  questions: readonly Uint8Array[],
  newest: number,
  { early, ...known }: Known & { early: Uint8Array | null },
  told: NextTimeline | null,
  picks: readonly number[],
): Run & { walsender: Walsender; walreceiver: Walreceiver } {
  const walsender = new Walsender(newest)
  const walreceiver = new Walreceiver(questions)
  let state: Anticipation = anticipation(known)
  let held = none
  let begun = none
  let toSource = none
  let toLink = none
  let asked = walreceiver.ask()
  if (early !== null) {
    const begun = begin(anticipation({ ...known, start: null }), early)
    const certain = known.start === null ? { state: begun.state, toSource: [] } : learnStart(begun.state, known.start)
    state = certain.state
    toSource = [...begun.toSource, ...certain.toSource].reduce(join)
  }
  const run = { isClosed: false, ahead: 0 }
  const release = (): void => {
    const step = fromSource(state, held)
    state = step.state
    const passed = held.subarray(0, step.passed)
    held = held.subarray(step.passed)
    toSource = step.toSource.reduce(join, toSource)
    asked = join(asked, walreceiver.hear(passed))
  }
  const ask = (size: number): void => {
    const { messages, rest } = takeMessages(join(begun, asked.subarray(0, size)), state.hasBegun)
    begun = rest
    asked = asked.subarray(size)
    for (const each of messages) {
      const step = fromWalreceiver(state, each)
      if (step.kind === 'wrong') {
        run.isClosed = true
        return
      }
      if (step.kind === 'ahead') run.ahead += 1
      state = step.state
      toSource = step.toSource.reduce(join, toSource)
      release()
    }
  }
  const moves: ((size: number) => void)[] = [
    ask,
    (size) => {
      toLink = join(toLink, walsender.hear(toSource.subarray(0, size)))
      toSource = toSource.subarray(size)
    },
    (size) => {
      held = join(held, toLink.subarray(0, size))
      toLink = toLink.subarray(size)
      release()
    },
  ]
  const turns = [...picks, ...Array.from({ length: 300 }, (_, index) => index + 3000)]
  for (const [index, pick] of turns.entries()) {
    if (run.isClosed) break
    if (told !== null && index === Math.floor(picks.length / 2)) {
      const step = learnNext(state, told)
      state = step.state
      toSource = step.toSource.reduce(join, toSource)
    }
    moves[pick % 3]?.(1 + Math.floor(pick / 3))
  }
  return { ...run, seen: walreceiver.seen, isDone: walreceiver.isDone, walsender, walreceiver }
}

const earlies = fc.constantFrom(null, startup, Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0]))
const picks = fc.array(fc.nat(120), { maxLength: 150 })
const lsns = fc.constantFrom('0/100000', '0/200000')
const starts = fc.option(fc.record({ lsn: lsns, timeline: fc.integer({ min: 1, max: 3 }) }), { nil: null })
const nexts = fc.option(
  fc.record({ after: fc.integer({ min: 1, max: 2 }), lsn: lsns, timeline: fc.integer({ min: 2, max: 3 }) }),
  { nil: null },
)
const asked = fc.array(
  fc.oneof(
    fc.constant(identify),
    fc.constant(query('TIMELINE_HISTORY 2')),
    fc.tuple(lsns, fc.integer({ min: 1, max: 3 })).map(([lsn, timeline]) => stream(lsn, timeline)),
  ),
  { maxLength: 5 },
)

void test('whatever is sent ahead, a walreceiver sees what it would see without, or the beginning of it', () => {
  fc.assert(
    fc.property(
      asked,
      fc.boolean(),
      starts,
      nexts,
      nexts,
      picks,
      earlies,
      (questions, mayAnticipate, start, next, told, turns, hello) => {
        const early = mayAnticipate ? hello : null
        const script = [startup, ...questions]
        const expected = directly(script, 2)
        const run = linked(script, 2, { mayAnticipate, start, next, early }, told, turns)
        assert.deepEqual(Array.from(run.seen), Array.from(expected.subarray(0, run.seen.length)))
        if (!run.isClosed) assert.equal(run.seen.length, expected.length, 'an open connection stalls')
        if (!mayAnticipate) assert.equal(run.isClosed, false)
        // What the source counts was told to it, in that order, and of that very stream.
        const counted = run.walsender.replies
        for (const { stream, reply } of counted) {
          assert.ok(run.walreceiver.replies.includes(reply))
          assert.equal(reply.replace(/^\d+ /, ''), stream)
        }
        const order = counted.map(({ reply }) => Number.parseInt(reply, 10))
        assert.deepEqual(
          order,
          order.toSorted((left, right) => left - right),
        )
      },
    ),
    { numRuns: 2000 },
  )
})

void test('a walreceiver that asks as expected is never closed, and everything after its startup was sent ahead', () => {
  const questions = [startup, identify, stream('0/100000', 1), identify, stream('0/200000', 2)]
  const start = { lsn: '0/100000', timeline: 1 }
  const next = { after: 1, lsn: '0/200000', timeline: 2 }
  fc.assert(
    fc.property(picks, fc.constantFrom(null, startup), (turns, early) => {
      const run = linked(questions, 2, { mayAnticipate: true, start, next, early }, null, turns)
      assert.deepEqual([run.isClosed, run.isDone, run.ahead], [false, true, early === null ? 5 : 6])
      assert.deepEqual(Array.from(run.seen), Array.from(directly(questions, 2)))
    }),
  )
})

const knows = (change: Partial<Known> = {}): Anticipation =>
  anticipation({ mayAnticipate: true, start: null, next: null, ...change })

/** As text: what is sent to the source. */
const texts = (messages: readonly Uint8Array[]): string[] => messages.map(textOf)

function begun(change: Partial<Known> = {}): Anticipation {
  return fromWalreceiver(knows(change), startup).state
}

void test('a fresh connection: all that is certain goes with the startup packet', () => {
  const start = { lsn: '0/300000', timeline: 4 }
  assert.deepEqual(texts(fromWalreceiver(knows({ start }), startup).toSource).slice(1), [
    'IDENTIFY_SYSTEM',
    'START_REPLICATION 0/300000 TIMELINE 4',
  ])
  assert.deepEqual(texts(fromWalreceiver(knows(), startup).toSource).slice(1), ['IDENTIFY_SYSTEM'])
  assert.equal(fromWalreceiver(knows({ start, mayAnticipate: false }), startup).toSource.length, 1)
})

void test('before the walreceiver is there: what it says and asks, and the stream once it is certain', () => {
  const start = { lsn: '0/300000', timeline: 4 }
  const early = begin(knows(), startup)
  assert.deepEqual(texts(early.toSource), [textOf(startup), 'IDENTIFY_SYSTEM'])
  const certain = learnStart(early.state, start)
  assert.deepEqual(texts(certain.toSource), ['START_REPLICATION 0/300000 TIMELINE 4'])
  assert.equal(fromSource(certain.state, ready).passed, 0)
  assert.equal(fromWalreceiver(certain.state, Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0])).kind, 'wrong')
  const there = fromWalreceiver(early.state, startup)
  assert.equal(there.kind, 'ahead')
  // It may have asked for another stream already.
  assert.deepEqual(learnStart(there.state, start).toSource, [])
})

void test('planted: an answer is there, but the walreceiver asks otherwise and gets not a byte of it', () => {
  const answer = join(message('R', '\0\0\0\0'), ready)
  const state = fromSource(begun({ start: { lsn: '0/300000', timeline: 4 } }), answer).state
  const held = fromSource(state, join(message('T', 'IDENTIFY'), ready))
  assert.equal(held.passed, 0)
  for (const other of [query('TIMELINE_HISTORY 4'), stream('0/300000', 4), message('Q', 'IDENTIFY_SYSTEM'), copyDone]) {
    const step = fromWalreceiver(held.state, other)
    assert.deepEqual([step.kind, step.expected, step.toSource], ['wrong', 'IDENTIFY_SYSTEM', []])
  }
  const identified = fromWalreceiver(held.state, identify)
  assert.equal(identified.kind, 'ahead')
  for (const other of [stream('0/200000', 4), stream('0/300000', 3)])
    assert.equal(fromWalreceiver(identified.state, other).kind, 'wrong')
})

/** In mid-stream of timeline 1. */
function streaming(next: NextTimeline | null): Anticipation {
  const start = { lsn: '0/100000', timeline: 1 }
  let state = fromSource(begun({ start, next }), ready).state
  for (const [question, answer] of [
    [identify, ready],
    [stream('0/100000', 1), message('W')],
  ] as const) {
    state = fromWalreceiver(state, question).state
    state = fromSource(state, answer).state
  }
  return state
}

const next: NextTimeline = { after: 1, lsn: '0/200000', timeline: 2 }
const upToNext = ['message c', 'IDENTIFY_SYSTEM', 'START_REPLICATION 0/200000 TIMELINE 2']

void test('at the end of a timeline the next is asked for at once, if its history is in place', () => {
  assert.deepEqual(texts(fromSource(streaming(next), copyDone).toSource), upToNext)
  assert.deepEqual(texts(fromSource(streaming({ ...next, after: 3 }), copyDone).toSource), upToNext.slice(0, 1))
})

void test('or as soon as it is, but not once the walreceiver may have looked for it', () => {
  const ended = fromSource(streaming(null), copyDone)
  assert.deepEqual(texts(ended.toSource), upToNext.slice(0, 1))
  const asked = fromWalreceiver(ended.state, copyDone)
  assert.equal(asked.kind, 'ahead')
  for (const { state } of [ended, asked]) assert.deepEqual(texts(learnNext(state, next).toSource), upToNext.slice(1))
  const answer = join(message('T', 'next'), ready)
  const looking = fromSource(asked.state, answer.subarray(0, 6)).state
  assert.deepEqual(learnNext(looking, next).toSource, [])
  assert.deepEqual(learnNext(fromSource(asked.state, answer).state, next).toSource, [])
})

void test('replies of a stream that has ended do not reach the source after its end', () => {
  const ended = fromSource(streaming(next), copyDone).state
  const late = fromWalreceiver(ended, message('d', 'reply'))
  assert.deepEqual([late.kind, late.toSource], ['dropped', []])
  const asked = fromWalreceiver(late.state, copyDone).state
  assert.equal(fromWalreceiver(asked, message('d', 'reply')).kind, 'wrong')
})

void test('whoever takes leave is let go', () => {
  const bye = message('X')
  const step = fromWalreceiver(begun(), bye)
  assert.deepEqual([step.kind, step.toSource], ['passed', [bye]])
})

const history =
  '1\t0/1234568\tno recovery target specified\n# a comment\n\n2\t0/23456F8\tno recovery target specified\n'

void test('what a standby asks for first: the timeline of the next byte, from the beginning of its segment', () => {
  assert.deepEqual(streamStart('0/1234567', 3, history), { lsn: '0/1200000', timeline: 1 })
  assert.deepEqual(streamStart('0/1234568', 3, history), { lsn: '0/1200000', timeline: 2 })
  assert.deepEqual(streamStart('0/23456F8', 3, history), { lsn: '0/2300000', timeline: 3 })
  assert.deepEqual(streamStart('1/200000', 3, history), { lsn: '1/200000', timeline: 3 })
  assert.deepEqual(nextTimeline(3, history), { after: 2, lsn: '0/2300000', timeline: 3 })
  assert.equal(nextTimeline(1, ''), null)
})
