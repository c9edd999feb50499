// Runs one plan: sends each operation when it is due, whatever became of the earlier ones (open loop), and records how it ended.
import type { LoadPlan, LoadStatus, Operation } from '#protocol/operation.ts'
import type { Area } from '#protocol/sites.ts'
import { monotonicNs } from '#runtime/clock.ts'
import { messageOf } from '#runtime/message-of.ts'
import { arrivals, type Arrival } from '#runtime/arrivals.ts'
import type { AttemptRequest } from './attempt.ts'
import { classifyRead, classifyWrite, isOwnShortage, type Ending } from './classify.ts'
import type { OperationLog } from './operation-log.ts'

/** Reads ask for own orders whose ack is at least so old: a healthy standby has them. */
const readableAfterNs = 1_000_000_000n
const rememberedOrders = 1000
const items = ['anvil', 'bellows', 'crucible', 'tongs'] as const

export interface LoadOptions {
  readonly area: Area
  readonly plan: LoadPlan
  readonly log: OperationLog
  readonly attempt: (request: AttemptRequest) => Promise<Ending>
  /** `http://host:port` for one operation. Rejects if the name cannot be resolved: then nothing was sent. */
  readonly locate: (kind: 'write' | 'read') => Promise<string>
}

export interface Load {
  status(): Pick<LoadStatus, 'running' | 'planned' | 'inFlight' | 'done'>
  /** No arrival intended at `untilNs` or later is turned to any more; 0: none at all. */
  endAt(untilNs: bigint): void
  /** Resolves when the last arrival has been answered. */
  readonly ended: Promise<void>
}

interface Acked {
  readonly id: string
  readonly ackedNs: bigint
}

/** Orders that this area was given an ack for, the latest ones. */
class AckedOrders {
  #orders: Acked[] = []

  add(order: Acked): void {
    this.#orders.push(order)
    if (this.#orders.length > 2 * rememberedOrders) this.#orders = this.#orders.slice(-rememberedOrders)
  }

  /** One that is old enough, chosen by `pick` in [0, 1); null if there is none. */
  choose(pick: number, nowNs: bigint): string | null {
    let eligible = this.#orders.length
    while (eligible > 0 && nowNs - this.#orders[eligible - 1]!.ackedNs < readableAfterNs) eligible -= 1
    return eligible === 0 ? null : this.#orders[Math.floor(pick * eligible)]!.id
  }
}

export function startLoad(options: LoadOptions): Load {
  const { plan, area, log } = options
  const startNs = BigInt(plan.startNs)
  const acked = new AckedOrders()
  const source = arrivals(plan, area)
  let upcoming = source.next()
  /** What is intended at it or later is not the load's any more. */
  let untilNs: bigint | null = null
  let planned = 0
  let inFlight = 0
  let done = 0
  let timer: NodeJS.Timeout | null = null
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()

  const isOver = (): boolean =>
    upcoming.done === true || (untilNs !== null && startNs + upcoming.value.offsetNs >= untilNs)
  const settle = (operation: Operation): void => {
    done += 1
    log.append(operation)
  }

  const perform = async (arrival: Arrival, intendedNs: bigint, startedNs: bigint): Promise<void> => {
    const orderId = arrival.kind === 'read' ? acked.choose(arrival.pick, intendedNs) : null
    // Before there is an order to read, a read is a write.
    const operation = orderId === null ? describeWrite(plan, area, arrival) : describeRead(orderId)
    const common = {
      area,
      seq: arrival.seq,
      kind: operation.kind,
      key: operation.key,
      intendedNs: `${intendedNs}`,
      startedNs: `${startedNs}`,
    }
    if (inFlight >= plan.maxInFlight) {
      const reason = `shed: ${inFlight} operations in flight`
      const nothing = { sentNs: null, status: null, orderId, region: null, epoch: null }
      settle({ ...common, ...nothing, doneNs: `${monotonicNs()}`, outcome: 'failed', reason, shed: true })
      return
    }
    inFlight += 1
    const ending = await sendWithin(options, operation)
    inFlight -= 1
    const doneNs = monotonicNs()
    const conclusion = orderId === null ? classifyWrite(ending) : classifyRead(ending, orderId)
    if (operation.kind === 'write' && conclusion.outcome === 'ok' && conclusion.orderId !== null) {
      acked.add({ id: conclusion.orderId, ackedNs: doneNs })
    }
    const sentNs = ending.sentNs === null ? null : `${ending.sentNs}`
    settle({
      ...common,
      ...conclusion,
      sentNs,
      doneNs: `${doneNs}`,
      status: ending.status,
      shed: isOwnShortage(ending),
    })
    if (isOver() && inFlight === 0) end()
  }

  const wake = (): void => {
    timer = null
    for (;;) {
      if (upcoming.done === true || isOver()) break
      const intendedNs = startNs + upcoming.value.offsetNs
      const nowNs = monotonicNs()
      const aheadNs = intendedNs - nowNs
      if (aheadNs > 0n) {
        // Rounded up: an operation is never sent before its time. Long waits are cut, since timers drift.
        timer = setTimeout(wake, Math.min(1000, Math.ceil(Number(aheadNs) / 1e6)))
        return
      }
      planned += 1
      void perform(upcoming.value, intendedNs, nowNs)
      upcoming = source.next()
    }
    if (inFlight === 0) end()
  }
  wake()

  return {
    ended,
    status: () => ({ running: !isOver() || inFlight > 0, planned, inFlight, done }),
    endAt(atNs) {
      untilNs = untilNs === null || atNs < untilNs ? atNs : untilNs
      if (!isOver()) return
      if (timer !== null) clearTimeout(timer)
      if (inFlight === 0) end()
    },
  }
}

interface Described {
  readonly kind: 'write' | 'read'
  readonly key: string
  readonly request: Omit<AttemptRequest, 'origin' | 'timeoutMs'>
}

function describeWrite(plan: LoadPlan, area: Area, arrival: Arrival): Described {
  const key = `${plan.drill}-${area}-${String(arrival.seq).padStart(6, '0')}`
  const item = items[Math.floor(arrival.pick * items.length)]
  const quantity = 1 + Math.floor(arrival.pick * 9)
  return {
    kind: 'write',
    key,
    request: {
      method: 'POST',
      path: '/orders',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ customer: `${area}-${arrival.seq % 100}`, item, quantity }),
    },
  }
}

function describeRead(orderId: string): Described {
  return {
    kind: 'read',
    key: orderId,
    request: { method: 'GET', path: `/orders/${orderId}`, headers: {}, body: null },
  }
}

/** Finds the other side and sends; both together within the plan's time limit. */
async function sendWithin(options: LoadOptions, operation: Described): Promise<Ending> {
  const deadlineNs = monotonicNs() + BigInt(Math.round(options.plan.timeoutMs * 1e6))
  let origin: string
  try {
    origin = await options.locate(operation.kind)
  } catch (error) {
    const reason = `no address: ${messageOf(error)}`
    return { sentNs: null, status: null, body: null, error: reason }
  }
  const timeoutMs = Number(deadlineNs - monotonicNs()) / 1e6
  if (timeoutMs <= 0) return { sentNs: null, status: null, body: null, error: 'timeout' }
  return options.attempt({ ...operation.request, origin, timeoutMs })
}
