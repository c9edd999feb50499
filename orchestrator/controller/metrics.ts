// What a controller's GET /metrics tells. What happens is counted in plain numbers; how things are is asked of its status.
import { Registry } from 'prom-client'
import { type Beat, beatIntervalMs } from '#protocol/beat.ts'
import type { ControllerStatus } from '#protocol/controller.ts'
import { type Region, regions } from '#protocol/sites.ts'
import { counters, gauge, gauges } from '#runtime/metrics.ts'
import type { Announcement } from '../core/effects.ts'
import type { Goal } from '../core/state.ts'

/** A beat that comes later than this after the one before is late. */
const lateBeatMs = 2 * beatIntervalMs

type Kind = Goal['kind']
type Phase = 'decide' | 'fence' | 'promote' | 'steer'
const kinds: readonly Kind[] = ['first-start', 'failover', 'switchover']
/** Which announcement ends which phase; each begins where the one before ended. */
const phaseEnds: Readonly<Record<string, Phase>> = {
  'epoch-taken': 'decide',
  fenced: 'fence',
  promoted: 'promote',
  steered: 'steer',
}

interface Sender {
  readonly from: Beat['from']
  readonly region: Region
  heard: number
  late: number
  lastMs: number
}

/** Asked at each scrape. */
export interface ControllerFacts {
  readonly status: ControllerStatus
  readonly epochHeld: number | null
  readonly lateMs: number
}

export class ControllerMetrics {
  readonly registry = new Registry()
  readonly #senders: readonly Sender[] = (['agent', 'controller'] as const).flatMap((from) =>
    regions.map((region) => ({ from, region, heard: 0, late: 0, lastMs: Number.NaN })),
  )
  readonly #suspicions = new Map<string, number>(regions.map((region) => [region, 0]))
  readonly #attempts = { begun: zeros(), promoted: zeros(), ended: zeros() }
  #permits = 0
  #refusals = 0
  /** The move under way, and how long its phases took so far. */
  #kind: Kind = 'first-start'
  #markMs: number | null = null
  #phases: { phase: Phase; ms: number }[] = []
  #lastFailover: readonly { readonly phase: Phase; readonly ms: number }[] = []

  constructor(facts: () => ControllerFacts) {
    this.#describeState(facts)
    this.#describeMoves()
    this.#describeBeats()
  }

  heard({ from, region }: Beat, now: number): void {
    const sender = this.#senders[(from === 'agent' ? 0 : regions.length) + regions.indexOf(region)]
    if (sender === undefined) return
    sender.heard += 1
    if (now - sender.lastMs > lateBeatMs) sender.late += 1
    sender.lastMs = now
  }

  permitSent(): void {
    this.#permits += 1
  }

  /** A compare-and-swap is sent. */
  attempted(kind: Kind): void {
    this.#kind = kind
    this.#attempts.begun[kind] += 1
  }

  announced(event: Announcement, now: number): void {
    if (event.kind === 'suspect') {
      const region = String(event.detail?.['region'])
      this.#suspicions.set(region, (this.#suspicions.get(region) ?? 0) + 1)
      if (this.#markMs === null) this.#begin(now)
    } else if (event.kind === 'suspicion-ended') this.#markMs = null
    else if (event.kind === 'refused') this.#refusals += 1
    else if (event.kind === 'attempt-ended') {
      this.#attempts.ended[this.#kind] += 1
      // What follows is another attempt, and its decision goes on from here.
      if (this.#markMs !== null) this.#begin(now)
    } else this.#endPhase(event.kind, now)
  }

  #begin(now: number): void {
    this.#markMs = now
    this.#phases = []
  }

  #endPhase(announcement: string, now: number): void {
    if (announcement === 'promoted') this.#attempts.promoted[this.#kind] += 1
    const phase = phaseEnds[announcement]
    if (phase === undefined || this.#markMs === null) return
    this.#phases.push({ phase, ms: now - this.#markMs })
    this.#markMs = now
    if (phase !== 'steer') return
    if (this.#kind === 'failover') this.#lastFailover = this.#phases
    this.#markMs = null
  }

  #describeState(facts: () => ControllerFacts): void {
    const { registry } = this
    const name = (rest: string): string => `firedrill_controller_${rest}`
    gauge(
      registry,
      name('epoch_known'),
      'The highest epoch that the record names, as this controller read it; 0: none.',
      () => facts().status.epoch?.epoch ?? 0,
    )
    gauge(
      registry,
      name('epoch_held'),
      'The epoch that this run of the controller took and carries; 0: none.',
      () => facts().epochHeld ?? 0,
    )
    gauge(registry, name('etcd_reachable'), '1 if the epoch record could be read.', () =>
      Number(facts().status.etcd.reachable),
    )
    gauge(registry, name('move_under_way'), '1 while a failover or switchover is under way here.', () =>
      Number(facts().status.busy !== null),
    )
    gauge(
      registry,
      name('loop_lateness_seconds'),
      "How late this process's own loop was at worst in the last second.",
      () => facts().lateMs / 1000,
    )
    gauges(registry, {
      name: name('suspects'),
      help: '1 if the primary of the region is suspected now.',
      labels: ['region'],
      values: () => {
        const suspected = facts().status.suspects.map((each) => each.region)
        return regions.map((region) => [{ region }, Number(suspected.includes(region))])
      },
    })
  }

  #describeMoves(): void {
    const { registry } = this
    counters(registry, {
      name: 'firedrill_controller_suspicions_total',
      help: 'Suspicions begun, by suspected region.',
      labels: ['region'],
      values: () => [...this.#suspicions].map(([region, count]) => [{ region }, count]),
    })
    counters(registry, {
      name: 'firedrill_controller_attempts_total',
      help: 'Attempts to begin an epoch, by kind of move: first-start, failover, switchover.',
      labels: ['kind'],
      values: () => kinds.map((kind) => [{ kind }, this.#attempts.begun[kind]]),
    })
    counters(registry, {
      name: 'firedrill_controller_attempt_outcomes_total',
      help: 'What became of attempts: promoted, or ended without a promotion.',
      labels: ['kind', 'outcome'],
      values: () =>
        kinds.flatMap((kind) =>
          (['promoted', 'ended'] as const).map(
            (outcome) => [{ kind, outcome }, this.#attempts[outcome][kind]] as const,
          ),
        ),
    })
    counters(registry, {
      name: 'firedrill_controller_refusals_total',
      help: 'Promotions that the data-loss gate or a quorum rule refused.',
      labels: [],
      values: () => [[{}, this.#refusals]],
    })
    counters(registry, {
      name: 'firedrill_controller_permits_sent_total',
      help: "Renewals of the primary's permit that were sent.",
      labels: [],
      values: () => [[{}, this.#permits]],
    })
    gauges(registry, {
      name: 'firedrill_controller_failover_phase_seconds',
      help: 'Phases of the last failover that this controller carried out: decide, fence, promote, steer. Where attempts failed, of the last one.',
      labels: ['phase'],
      values: () => this.#lastFailover.map(({ phase, ms }) => [{ phase }, ms / 1000]),
    })
  }

  #describeBeats(): void {
    counters(this.registry, {
      name: 'firedrill_controller_beats_heard_total',
      help: 'Heartbeats heard, by sender.',
      labels: ['from', 'region'],
      values: () => this.#senders.map(({ from, region, heard }) => [{ from, region }, heard]),
    })
    counters(this.registry, {
      name: 'firedrill_controller_beats_late_total',
      help: 'Heartbeats that came more than two intervals (200 ms) after the one before.',
      labels: ['from', 'region'],
      values: () => this.#senders.map(({ from, region, late }) => [{ from, region }, late]),
    })
  }
}

function zeros(): Record<Kind, number> {
  return { 'first-start': 0, failover: 0, switchover: 0 }
}
