// What a walreceiver is about to ask its source, sent ahead of it: each of its questions would cost a round trip over the WAN.
// One connection as pure steps. An answer waits until the walreceiver has asked the very same question, byte for byte.
//
// Nothing here can vouch for a byte: a walreceiver's replies alone tell the source of an LSN, and those are passed on as they are
// or not at all. A START_REPLICATION that was sent ahead only makes the source send WAL, which stays in the socket; a walsender
// without a reply has no flush position, and one without a flush position counts for no quorum (SyncRepGetCandidateStandbys).
import { lsnFromBigInt, lsnToBigInt } from '#protocol/epoch.ts'
import { copyDone, isSame, messageAt, messageTypes, query, textOf, type Place } from './replication-framing.ts'

/** As the clusters are made (initdb's --wal-segsize). Postgres asks for WAL from the beginning of a segment on. */
const segmentBytes = 1_048_576n

/** What a walreceiver will ask for: WAL of `timeline` from `lsn` on. */
export type StreamStart = { lsn: string; timeline: number }

/** What it will ask for once it has been told that timeline `after` ends. */
export type NextTimeline = StreamStart & { after: number }

/** A question that was sent to the source and not wholly answered yet. */
export type Question = {
  kind: 'startup' | 'query' | 'copy-done'
  bytes: Uint8Array
  /** False: sent ahead; the walreceiver has not asked it yet, and not a byte of the answer has been let through. */
  isAsked: boolean
  isAnswering: boolean
}

export type Anticipation = {
  readonly mayAnticipate: boolean
  /** Known for certain, or null: of the first stream of this connection. */
  readonly start: StreamStart | null
  readonly next: NextTimeline | null
  readonly hasBegun: boolean
  readonly place: Place
  /** In the order in which the source answers. */
  readonly open: readonly Question[]
  /** `ended`: the walreceiver ended the copy, the source has not yet. */
  readonly copy: 'none' | 'both' | 'ended'
  /** Of the present or last stream. */
  readonly timeline: number | null
}

export type Known = { mayAnticipate: boolean; start: StreamStart | null; next: NextTimeline | null }

export function anticipation(known: Known): Anticipation {
  const place = { type: 0, left: 0 }
  return { ...known, hasBegun: false, place, open: [], copy: 'none', timeline: null }
}

/** Whether the source's next message must wait for a question of the walreceiver. */
export function isHeld({ open, place }: Anticipation): boolean {
  return place.left === 0 && open[0]?.isAsked === false
}

/** Whether the walreceiver waits for an answer: during a copy it waits for nothing, and watches its source by itself. */
export function isWaiting({ open, copy }: Anticipation): boolean {
  return copy !== 'both' && open[0]?.isAsked === true
}

/** Whether something was sent ahead that the walreceiver has not asked yet. */
export function isAhead({ open }: Anticipation): boolean {
  return open.some((question) => !question.isAsked)
}

/** `passed`: how many bytes go through to the walreceiver; the rest is to be given again, once more has come or was asked. */
export type SourceStep = { state: Anticipation; passed: number; toSource: Uint8Array[] }

/** @throws Error if these are no messages */
export function fromSource(before: Anticipation, bytes: Uint8Array): SourceStep {
  let state = before
  let passed = 0
  const toSource: Uint8Array[] = []
  for (;;) {
    if (state.place.left === 0) {
      const place = isHeld(state) ? null : messageAt(bytes, passed)
      if (place === null) break
      const [head, ...later] = state.open
      state = { ...state, place, open: head === undefined ? [] : [{ ...head, isAnswering: true }, ...later] }
    }
    const { type, left } = state.place
    const taken = Math.min(left, bytes.length - passed)
    passed += taken
    state = { ...state, place: { type, left: left - taken } }
    if (taken < left) break
    const after = answered(state, type)
    state = after.state
    toSource.push(...after.toSource)
  }
  return { state, passed, toSource }
}

type Sent = { state: Anticipation; toSource: Uint8Array[] }

/** A whole message of the source has gone through. */
function answered(state: Anticipation, type: number): Sent {
  const [head, ...later] = state.open
  if (type === messageTypes.readyForQuery) return { state: { ...state, open: later, copy: 'none' }, toSource: [] }
  if (type === messageTypes.copyBoth && head !== undefined) {
    const timeline = Number(/ TIMELINE (\d+)$/.exec(textOf(head.bytes))?.[1] ?? Number.NaN)
    return { state: { ...state, copy: 'both', timeline }, toSource: [] }
  }
  if (type !== messageTypes.copyDone || state.copy !== 'both') return { state, toSource: [] }
  const over: Anticipation = { ...state, open: later, copy: 'none' }
  if (!state.mayAnticipate) return { state: over, toSource: [] }
  // The walreceiver can but end its side, too (libpqrcv_endstreaming).
  const ended = ahead(over, 'copy-done', copyDone)
  return joinSent(ended, goOn(ended.state))
}

function joinSent(first: Sent, second: Sent): Sent {
  return { state: second.state, toSource: [...first.toSource, ...second.toSource] }
}

function ahead(state: Anticipation, kind: Question['kind'], bytes: Uint8Array): Sent {
  const question: Question = { kind, bytes, isAsked: false, isAnswering: false }
  return { state: { ...state, open: [...state.open, question] }, toSource: [bytes] }
}

/** WalReceiverMain always asks in this order; a history file that it lacks it would ask for in between, so none may be lacking. */
function aheadToStream(state: Anticipation, start: StreamStart | null): Sent {
  const identified = ahead(state, 'query', query('IDENTIFY_SYSTEM'))
  if (start === null) return identified
  return joinSent(identified, ahead(identified.state, 'query', startReplication(start)))
}

/** Before the walreceiver is there: the startup packet that it will send, and what it asks after it. */
export function begin(state: Anticipation, startup: Uint8Array): Sent {
  const begun = ahead(state, 'startup', startup)
  return joinSent(begun, aheadToStream(begun.state, state.start))
}

/** What the walreceiver, which is not there yet, will ask for first is certain from now on. */
export function learnStart(state: Anticipation, start: StreamStart): Sent {
  const [first, second, ...more] = state.open
  if (first?.isAsked !== false || second === undefined || more.length > 0) return { state, toSource: [] }
  return ahead({ ...state, start }, 'query', startReplication(start))
}

function startReplication(start: StreamStart): Uint8Array {
  return query(`START_REPLICATION ${start.lsn} TIMELINE ${start.timeline}`)
}

/**
 * From a timeline that has ended to the next: only while the walreceiver has not been told what comes next, since it then looks
 * whether it has that timeline's history.
 */
function goOn(state: Anticipation): Sent {
  const { open, next, timeline } = state
  const [last] = open
  const isAtEnd = open.length === 1 && last?.kind === 'copy-done' && !last.isAnswering
  if (!state.mayAnticipate || !isAtEnd || next === null || next.after !== timeline) return { state, toSource: [] }
  return aheadToStream(state, next)
}

/** The next timeline's history is in its place from now on. */
export function learnNext(state: Anticipation, next: NextTimeline): Sent {
  return goOn({ ...state, next })
}

export type AskedStep = Sent & {
  /** `ahead`: asked what had been sent ahead; `wrong`: asked something else, and must get no answer at all. */
  kind: 'passed' | 'dropped' | 'ahead' | 'wrong'
  /** `wrong`: what had been sent ahead instead. */
  expected: string | null
}

/** @param message one whole message of the walreceiver */
export function fromWalreceiver(state: Anticipation, message: Uint8Array): AskedStep {
  const index = state.open.findIndex((question) => !question.isAsked)
  const question = state.open[index]
  // Whoever takes leave asks nothing.
  if (question === undefined || message[0] === messageTypes.terminate)
    return { ...pass(state, message), kind: 'passed', expected: null }
  // Replies of the stream that has ended, written before its end was read: the source has been told of the end already.
  if (question.kind === 'copy-done' && message[0] === messageTypes.copyData)
    return { state, toSource: [], kind: 'dropped', expected: null }
  if (!isSame(question.bytes, message)) return { state, toSource: [], kind: 'wrong', expected: textOf(question.bytes) }
  const open = state.open.with(index, { ...question, isAsked: true })
  return { state: { ...state, hasBegun: true, open }, toSource: [], kind: 'ahead', expected: null }
}

function pass(state: Anticipation, message: Uint8Array): Sent {
  const asked = (kind: Question['kind']): Sent => ({
    state: {
      ...state,
      hasBegun: true,
      open: [...state.open, { kind, bytes: message, isAsked: true, isAnswering: false }],
    },
    toSource: [message],
  })
  if (!state.hasBegun) {
    const begun = asked('startup')
    return state.mayAnticipate ? joinSent(begun, aheadToStream(begun.state, state.start)) : begun
  }
  if (message[0] === messageTypes.query) return asked('query')
  if (message[0] !== messageTypes.copyDone) return { state, toSource: [message] }
  return state.copy === 'both' ? { state: { ...state, copy: 'ended' }, toSource: [message] } : asked('copy-done')
}

type Switch = { timeline: number; lsn: string }

/** Lines of a timeline's history file: each earlier timeline, and where it was left. */
function switches(text: string): Switch[] {
  return text.split('\n').flatMap((line) => {
    const [, timeline, lsn] = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/.exec(line) ?? []
    return timeline === undefined || lsn === undefined ? [] : [{ timeline: Number(timeline), lsn }]
  })
}

function segmentStart(lsn: string): string {
  const at = lsnToBigInt(lsn)
  return lsnFromBigInt(at - (at % segmentBytes))
}

/**
 * What a standby asks for first whose WAL ends at `endLsn`, and which has the history file `text` of `timeline`: the timeline of
 * the byte that comes next (tliOfPointInHistory), from the beginning of its segment (RequestXLogStreaming).
 */
export function streamStart(endLsn: string, timeline: number, text: string): StreamStart {
  const end = lsnToBigInt(endLsn)
  const earlier = switches(text).find((each) => end < lsnToBigInt(each.lsn))
  return { lsn: segmentStart(endLsn), timeline: earlier?.timeline ?? timeline }
}

/** What it asks for when the timeline before `timeline` has ended; null if the history names none. */
export function nextTimeline(timeline: number, text: string): NextTimeline | null {
  const last = switches(text).at(-1)
  return last === undefined ? null : { after: last.timeline, lsn: segmentStart(last.lsn), timeline }
}
