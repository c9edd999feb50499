// Header, faults, drill, timeline, guard and the regions in detail. Each gives the nodes of its section.
import { formatBytes, formatClock, formatMs, formatShare, formatSpan } from '../model/format.ts'
import type { DashboardState, FaultState, RegionState } from '../model/state.ts'
import type { Connection } from './connection.ts'
import { h } from './dom.ts'

const shownEvents = 80
/** Acks that are older than this are worth a word while load runs. */
const lateAckMs = 1500

export function headerView(
  state: DashboardState,
  connection: Connection,
  reason: string,
  nowMs: number,
): readonly Node[] {
  const { tone, text, detail } = state.headline
  const loads = Object.values(state.areas).flatMap((each) => (each.load?.running === true ? [each.load] : []))
  const perSecond = loads.reduce((sum, each) => sum + each.perSecond, 0)
  const share =
    perSecond === 0 ? null : loads.reduce((sum, each) => sum + (each.successShare ?? 0) * each.perSecond, 0) / perSecond
  const acked = loads.map((each) => each.ackedAtMs ?? 0).reduce((last, each) => Math.max(last, each), 0)
  const sinceAckMs = acked === 0 ? null : Math.max(0, nowMs - acked)
  return [
    h(
      'div',
      { class: `headline ${tone}` },
      h(
        'p',
        { class: 'world' },
        'firedrill · ',
        h('strong', {}, state.world),
        ` · commit ${state.topology.commit} · home ${state.topology.home.toUpperCase()}`,
      ),
      h('h1', { 'aria-live': 'polite' }, text),
      h('p', { class: 'detail' }, detail),
    ),
    h(
      'dl',
      { class: 'figures large' },
      figure('epoch', state.epoch === null ? '–' : String(state.epoch.number)),
      figure('per second', loads.length === 0 ? '–' : perSecond.toFixed(0)),
      figure('ok', formatShare(share), share !== null && share < 0.999),
      figure(
        'last ack',
        sinceAckMs === null ? '–' : sinceAckMs < lateAckMs ? 'now' : `${formatSpan(sinceAckMs)} ago`,
        (sinceAckMs ?? 0) > lateAckMs * 2,
      ),
    ),
    h('p', { class: `connection ${connection}`, role: 'status' }, connectionWords(connection, reason, state.world)),
  ]
}

function connectionWords(connection: Connection, reason: string, world: string): string {
  const words: Readonly<Record<Connection, string>> = {
    connecting: 'connecting…',
    live: 'live',
    lost: 'connection lost, trying again',
    refused: `this page's token is no longer good: ./firedrill dashboard --world ${world}`,
    ended: reason,
  }
  return words[connection]
}

function figure(name: string, value: string, bad = false): Node {
  return h('div', bad ? { class: 'bad' } : {}, h('dt', {}, name), h('dd', {}, value))
}

export interface FaultActs {
  readonly healing: ReadonlySet<string>
  heal(id: string): void
}

export function faultsView(state: DashboardState, nowMs: number, acts: FaultActs): readonly Node[] {
  const faults = Object.entries(state.faults).toSorted(([, left], [, right]) => right.sinceMs - left.sinceMs)
  const active = faults.filter(([, fault]) => fault.healedMs === null)
  return [
    h('h2', { id: 'faults-title', tabindex: '-1' }, 'Faults ', h('span', { class: 'count' }, String(active.length))),
    faults.length === 0
      ? h('p', { class: 'soft' }, 'The ledger is empty: nothing is broken on purpose.')
      : h('ul', { class: 'faults' }, ...faults.map(([id, fault]) => faultView(id, fault, nowMs, acts))),
  ]
}

function faultView(id: string, fault: FaultState, nowMs: number, acts: FaultActs): Node {
  const isHealing = acts.healing.has(id)
  const words =
    fault.healedMs !== null
      ? `healed ${formatSpan(nowMs - fault.healedMs)} ago`
      : fault.untilMs > nowMs
        ? `${formatSpan(fault.untilMs - nowMs)} left`
        : 'its time is over'
  return h(
    'li',
    { 'data-key': id, 'data-fault': id, class: fault.healedMs === null ? 'active' : 'healed' },
    h(
      'div',
      {},
      h('strong', {}, fault.kind),
      ` ${fault.target}`,
      h('p', { class: 'soft' }, `${words} · ${fault.drill === 'manual' ? 'by hand' : fault.drill}`),
    ),
    fault.healedMs !== null
      ? null
      : h(
          'button',
          {
            type: 'button',
            'aria-disabled': isHealing ? 'true' : null,
            'aria-label': `Heal ${fault.kind} of ${fault.target}`,
            onclick: () => acts.heal(id),
          },
          isHealing ? 'healing…' : 'Heal',
        ),
  )
}

export interface DrillActs {
  readonly answering: boolean
  answer(id: string, approved: boolean): void
  start(): void
}

export function drillView(state: DashboardState, nowMs: number, acts: DrillActs): readonly Node[] {
  const { drill, launch } = state
  const title = h('h2', { id: 'drill-title', tabindex: '-1' }, 'Drill')
  const launching = launch !== null && (drill === null || Date.parse(drill.startedAt) < launch.sinceMs)
  const starts = launching && launch.ended === null
  const launchWords =
    launch === null || !launching
      ? null
      : launch.ended === null
        ? h('p', { class: 'notice' }, `${launch.runbook} starts… ${formatSpan(nowMs - launch.sinceMs)}`)
        : h(
            'p',
            { class: launch.ended.exitCode === 0 ? 'notice' : 'notice bad' },
            `${launch.runbook} ${launch.ended.exitCode === 3 ? 'was refused' : 'has ended'} (exit code ${launch.ended.exitCode}): ${launch.ended.words}`,
          )
  if (drill === null)
    return [
      title,
      launchWords ??
        h(
          'p',
          { class: 'soft' },
          state.busyWith?.startsWith('run ') === true ? `${state.busyWith} prepares the world` : 'No drill runs.',
        ),
      starts ? h('span') : startButton(acts),
    ]
  const isOver = drill.state === 'ended' || !drill.isAlive
  return [
    title,
    launchWords ?? h('span'),
    h(
      'div',
      { class: `drill ${isOver ? 'over' : 'running'}` },
      h('p', { class: 'title' }, h('strong', {}, drill.title), h('span', { class: 'soft' }, ` ${drill.runbook}`)),
      verdictView(state, nowMs),
    ),
    drill.approval === null || !drill.isAlive ? h('span') : approvalView(drill.approval, acts),
    h('ol', { class: 'steps' }, ...drill.steps.map((step, index) => stepView(step, index, nowMs))),
    isOver && !starts ? startButton(acts) : h('span'),
  ]
}

function startButton(acts: DrillActs): Node {
  return h('button', { type: 'button', 'data-key': 'start', onclick: () => acts.start() }, 'Start a drill')
}

function verdictView(state: DashboardState, nowMs: number): Node {
  const { drill } = state
  if (drill === null) return h('span')
  const report = drill.hasReport
    ? h('a', { href: '/report.html', target: '_blank', rel: 'noreferrer' }, 'Open the report')
    : null
  if (drill.verdict !== null)
    return h(
      'p',
      { class: `verdict ${drill.verdict}`, 'data-verdict': drill.verdict },
      h('strong', {}, drill.verdict.toUpperCase()),
      drill.interruption === null ? '' : ` ${drill.interruption}`,
      ' ',
      report,
    )
  if (drill.state === 'ended')
    return h('p', { class: 'verdict unknown' }, `ended without a verdict: ${drill.interruption ?? 'no reason given'}`)
  if (!drill.isAlive) return h('p', { class: 'verdict fail' }, `its process ${drill.pid} has died; heal what it left`)
  const words = { running: 'running', 'rolling-back': 'rolling back', checking: 'checking what became of it' }[
    drill.state
  ]
  return h('p', { class: 'soft' }, `${words} for ${formatSpan(nowMs - Date.parse(drill.startedAt))}`)
}

function approvalView(approval: { readonly id: string; readonly question: string }, acts: DrillActs): Node {
  const button = (words: string, approved: boolean): Node =>
    h(
      'button',
      {
        type: 'button',
        class: approved ? 'primary' : null,
        id: approved ? 'approve' : 'decline',
        'aria-disabled': acts.answering ? 'true' : null,
        onclick: () => acts.answer(approval.id, approved),
      },
      words,
    )
  return h(
    'div',
    { 'data-key': approval.id, class: 'approval', role: 'group', 'aria-labelledby': 'question' },
    h('p', { class: 'soft' }, 'The drill waits for you'),
    h('p', { id: 'question', role: 'alert' }, approval.question),
    h('div', { class: 'buttons' }, button('Approve', true), button('Decline', false)),
  )
}

type Step = NonNullable<DashboardState['drill']>['steps'][number]

function stepView(step: Step, index: number, nowMs: number): Node {
  const spanMs = step.startedMs === null ? null : (step.endedMs ?? nowMs) - step.startedMs
  return h(
    'li',
    { 'data-key': String(index), class: step.state, 'aria-current': step.state === 'running' ? 'step' : null },
    h('span', { class: 'mark', 'aria-hidden': 'true' }),
    h(
      'span',
      { class: 'words' },
      step.title,
      step.note === null ? null : h('span', { class: 'soft' }, ` ${step.note}`),
    ),
    h(
      'span',
      { class: 'soft time' },
      step.state === 'waiting'
        ? ''
        : step.state === 'skipped'
          ? 'skipped'
          : spanMs === null
            ? step.state
            : formatSpan(spanMs),
    ),
  )
}

export function timelineView(state: DashboardState): readonly Node[] {
  const events = Object.entries(state.timeline)
    .toSorted(([, left], [, right]) => right.atMs - left.atMs)
    .slice(0, shownEvents)
  return [
    h('h2', { id: 'timeline-title' }, 'Timeline'),
    events.length === 0
      ? h('p', { class: 'soft' }, 'Nothing has happened yet.')
      : h(
          'ol',
          { class: 'timeline', tabindex: '0', 'aria-labelledby': 'timeline-title' },
          ...events.map(([key, event]) =>
            h(
              'li',
              { 'data-key': key, class: event.source },
              h('time', {}, formatClock(event.atMs)),
              h('span', { class: 'who' }, `${event.source === 'harness' ? '' : `${event.source} `}${event.site}`),
              h('span', { class: 'kind' }, event.kind),
              h('span', { class: 'reason' }, event.reason),
            ),
          ),
        ),
  ]
}

export function guardView(state: DashboardState): readonly Node[] {
  if (state.guard.length === 0) return []
  return [
    h('h2', { id: 'guard-title' }, 'Guard'),
    h('ul', { class: 'guard' }, ...state.guard.map((line) => h('li', {}, line))),
  ]
}

export function regionsView(state: DashboardState): readonly Node[] {
  return [
    h('h2', { id: 'regions-title' }, 'Regions in detail'),
    h(
      'div',
      { class: 'regions' },
      ...Object.entries(state.regions).map(([region, each]) => regionDetail(state, region, each)),
    ),
    h(
      'p',
      { class: 'soft' },
      `fence device: ${state.fenceDevice === 'works' ? 'works' : `broken (${state.fenceDevice})`} · steering by ${state.topology.steering}`,
    ),
  ]
}

function regionDetail(state: DashboardState, region: string, each: RegionState): Node {
  const { controller, postgres, app } = each
  const stopped = each.containers.filter((container) => container.state !== 'running')
  const rows: readonly (readonly [string, string, boolean])[] = [
    [
      'controller',
      controller.answers
        ? (controller.busy ?? (controller.holdsEpoch ? 'holds the epoch' : 'watches'))
        : 'does not answer',
      !controller.answers,
    ],
    ['etcd', controller.etcd, controller.etcd === 'unreachable'],
    ['Postgres', postgres.state, !postgres.answers || postgres.state === 'half made'],
    [
      'follows',
      postgres.following === null
        ? each.role === 'primary'
          ? 'nobody, it leads'
          : 'nobody'
        : postgres.following.toUpperCase(),
      each.role !== 'primary' && postgres.following === null,
    ],
    ['WAL lag', each.role === 'primary' ? '–' : formatBytes(postgres.lagBytes), (postgres.lagBytes ?? 0) > 1_048_576],
    ['promised', postgres.promised === null ? 'unknown' : `epoch ${postgres.promised}`, false],
    [
      'app',
      `${app.reads === 'ready' ? 'reads' : `reads ${app.reads}`}${app.writes === 'ready' ? ', writes' : ''}`,
      app.reads === 'unknown' || app.reads === 'not-ready',
    ],
    ['permit', app.permit, app.permit === 'none'],
    [
      'events behind',
      each.relayBehindMs === null ? '–' : formatMs(each.relayBehindMs),
      (each.relayBehindMs ?? 0) > 3000,
    ],
    [
      'containers',
      stopped.length === 0
        ? `${each.containers.length} run`
        : stopped.map((container) => `${container.service} ${container.state}`).join(', '),
      stopped.length > 0,
    ],
  ]
  return h(
    'article',
    { 'data-key': region, class: `facts ${each.role}` },
    h(
      'h3',
      {},
      `Region ${region.toUpperCase()}`,
      h('span', { class: 'soft' }, ` ${each.role}${region === state.topology.home ? ', home' : ''}`),
    ),
    h(
      'dl',
      {},
      ...rows.map(([name, value, bad]) => h('div', bad ? { class: 'bad' } : {}, h('dt', {}, name), h('dd', {}, value))),
    ),
    controller.suspects.length === 0
      ? null
      : h('p', { class: 'suspects' }, `suspects ${controller.suspects.join('; ')}`),
  )
}
