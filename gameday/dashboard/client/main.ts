// The page: takes the live state, draws each part that changed, and does what is asked of it.
import type { DashboardState } from '../model/state.ts'
import { openDrill, openInject, openMove } from './acts.ts'
import { ask, type Answer } from './ask.ts'
import { loadView } from './charts.ts'
import { connect, type Connection } from './connection.ts'
import { byId, h, morph } from './dom.ts'
import { mapView } from './map.ts'
import { drillView, faultsView, guardView, headerView, regionsView, timelineView } from './panels.ts'
import { listenForShortcuts, openHelp, type Shortcut } from './shortcuts.ts'

const tickMs = 1000
const toldForMs = 8000
/** Dots go along busy links in steps: a CSS animation draws 60 frames a second, which costs the drill a third of a processor. */
const flowStepMs = 250
/** A whole number of gaps for links with little (4 steps a gap) and with much traffic (3), so that no dot jumps. */
const flowSteps = 12

let state: DashboardState | null = null
let connection: Connection = 'connecting'
let connectionReason = ''
let answering = false
const healing = new Set<string>()
const narrow = matchMedia('(max-width: 719px)')

/** What a part was drawn from last: it is left alone while that is the same. */
const drawn = new Map<string, readonly unknown[]>()

function draw(id: string, from: readonly unknown[], view: () => readonly Node[]): void {
  const before = drawn.get(id)
  if (before !== undefined && before.length === from.length && before.every((each, index) => each === from[index]))
    return
  drawn.set(id, from)
  const nodes = view()
  byId(id).hidden = nodes.length === 0
  morph(byId(id), nodes)
}

function render(): void {
  if (state === null) return
  const now = state
  const second = Math.floor(Date.now() / tickMs)
  const nowMs = Date.now()
  draw('header', [now.headline, now.areas, now.epoch, now.topology, connection, second], () =>
    headerView(now, connection, connectionReason, nowMs),
  )
  draw('map', [now.links, now.regions, now.areas, now.epoch, narrow.matches], () =>
    mapView(now, narrow.matches ? 'narrow' : 'wide'),
  )
  draw('load', [now.areas, now.faults], () => loadView(now))
  draw('regions', [now.regions, now.fenceDevice, now.topology], () => regionsView(now))
  draw('drill', [now.drill, now.launch, now.busyWith, answering, second], () =>
    drillView(now, nowMs, {
      answering,
      answer: (id, approved) => void answer(id, approved),
      start: () => startDrill(),
    }),
  )
  draw('faults', [now.faults, second, [...healing].join(' ')], () =>
    faultsView(now, nowMs, { healing, heal: (id) => void heal(id) }),
  )
  draw('timeline', [now.timeline], () => timelineView(now))
  draw('guard', [now.guard], () => guardView(now))
  const mark = now.drill?.approval != null && now.drill.isAlive ? '? ' : now.headline.tone === 'trouble' ? '! ' : ''
  document.title = `${mark}${now.headline.text} · ${now.world} · firedrill`
}

let silence: ReturnType<typeof setTimeout> | undefined

function tell(answer: Answer): void {
  clearTimeout(silence)
  byId('told').textContent = 'done' in answer ? answer.done : ''
  byId('refused').textContent =
    'done' in answer ? '' : [answer.refused, ...answer.problems.map((each) => each.message)].join(': ')
  silence = setTimeout(() => {
    byId('told').textContent = ''
    byId('refused').textContent = ''
  }, toldForMs)
}

const done = (words: string): void => tell({ done: words })
const broken = (error: unknown): void => tell({ refused: String(error), problems: [] })

function inject(): void {
  openInject(done).catch(broken)
}

function startDrill(): void {
  openDrill(done).catch(broken)
}

function move(kind: 'failover' | 'failback'): void {
  if (state !== null) openMove(state, kind, done)
}

async function heal(id: string): Promise<void> {
  if (healing.has(id)) return
  healing.add(id)
  render()
  const reply = await ask('DELETE', `/api/faults/${encodeURIComponent(id)}`)
  healing.delete(id)
  tell(reply)
  render()
  // Its button has gone or will go; whoever used it by key goes on from here.
  if ('done' in reply) byId('faults-title').focus()
}

function healAll(): void {
  done('healing everything…')
  void ask('POST', '/api/heal').then(tell)
}

async function answer(id: string, approved: boolean): Promise<void> {
  if (answering) return
  answering = true
  render()
  const reply = await ask('POST', '/api/approval', { id, approved })
  answering = false
  tell(reply)
  render()
  if ('done' in reply) byId('drill-title').focus()
}

const shortcuts: readonly Shortcut[] = [
  { key: 'd', words: 'start a drill', run: startDrill },
  { key: 'i', words: 'inject a fault', run: inject },
  { key: 'h', words: 'heal everything', run: healAll },
  { key: 'f', words: 'fail over', run: () => move('failover') },
  { key: 'b', words: 'fail back home', run: () => move('failback') },
  { key: 'a', words: 'go to the question of a drill', run: () => document.getElementById('approve')?.focus() },
  { key: 't', words: 'go to the timeline', run: () => document.querySelector<HTMLElement>('.timeline')?.focus() },
  { key: '?', words: 'show these keys', run: () => openHelp(shortcuts) },
]

function act(key: string, words: string, run: () => void): Node {
  return h(
    'button',
    { type: 'button', 'aria-keyshortcuts': key, onclick: run },
    words,
    h('kbd', { 'aria-hidden': 'true' }, key),
  )
}

morph(byId('acts'), [
  act('d', 'Start a drill', startDrill),
  act('i', 'Inject a fault', inject),
  act('h', 'Heal everything', healAll),
  act('f', 'Fail over', () => move('failover')),
  act('b', 'Fail back', () => move('failback')),
  act('?', 'Keys', () => openHelp(shortcuts)),
])
listenForShortcuts(shortcuts)
narrow.addEventListener('change', render)
setInterval(render, tickMs)
setInterval(() => {
  byId('map').style.setProperty('--flow-step', String(Math.floor(Date.now() / flowStepMs) % flowSteps))
}, flowStepMs)
connect(
  (next) => {
    state = next
    render()
  },
  (next, reason) => {
    connection = next
    connectionReason = reason
    document.body.dataset['connection'] = next
    render()
  },
)
