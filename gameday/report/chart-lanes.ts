// Lanes above the plots: who was primary, what was broken and ordered, incidents until restored, what clients did not do as planned.
import type { Journal } from '#protocol/journal.ts'
import type { Area } from '#protocol/sites.ts'
import { incidentSpan, mostBars, type Frame } from './chart-frame.ts'
import type { Bar, Lane } from './chart.ts'
import { restoredOf } from './figures.ts'
import { overNs } from './harness-words.ts'

function incidentBars(journal: Journal, { axis, clock }: Frame): readonly Bar[] {
  return journal.incidents.slice(0, mostBars).map((each, index): Bar => {
    const [fromS, toS] = incidentSpan(each, clock, axis)
    const { text } = restoredOf(journal, `incidents[${index}]`, each, true)
    return { fromS, toS: toS ?? fromS, kind: 'incident', text: each.id, more: `restored: ${text}` }
  })
}

/** What the client did not do as planned, or nobody collected. */
function missingBars({ collection }: Journal, area: string, { clock }: Frame): readonly Bar[] {
  const spans = collection[area as Area]?.spans ?? []
  return spans.slice(0, mostBars).map((each): Bar => ({
    fromS: clock.secondsOf(each.fromNs),
    toS: clock.secondsOf(each.toNs),
    kind: 'missing',
    text: `${each.count} ${each.kind}`,
  }))
}

export function lanesOf(journal: Journal, frame: Frame): readonly Lane[] {
  const { axis, clock } = frame
  const { secondsOf } = clock
  const epochs = journal.epochs.map((epoch, index): Bar => {
    const nextNs = journal.epochs[index + 1]?.atNs ?? null
    return {
      fromS: epoch.atNs === null ? axis.fromS : secondsOf(epoch.atNs),
      toS: nextNs === null ? axis.toS : secondsOf(nextNs),
      kind: 'epoch',
      text: epoch.region ?? '?',
      more: `epoch ${epoch.epoch}`,
    }
  })
  const faults = journal.faults.map((fault): Bar => {
    const endNs = overNs(fault)
    const more = [
      ...(fault.background ? ['(background)'] : []),
      ...(fault.outside ? ['(not by this drill)'] : []),
      ...(fault.endedNs === null ? [] : ['ended early']),
    ]
    return {
      fromS: secondsOf(fault.firstNs),
      toS: endNs === null ? axis.toS : secondsOf(endNs),
      kind: fault.background ? 'background' : 'fault',
      text: `${fault.kind} of ${fault.target}`,
      ...(more.length === 0 ? {} : { more: more.join(', ') }),
    }
  })
  const orders = journal.steps
    .filter((step) => step.kind === 'action')
    .map((step): Bar => ({
      fromS: secondsOf(step.fromNs),
      toS: secondsOf(step.toNs),
      kind: 'order',
      text: step.title,
    }))
  return [
    { name: 'Primary', bars: epochs },
    { name: 'Faults', bars: faults },
    { name: 'Orders', bars: orders },
    { name: 'Incident', bars: incidentBars(journal, frame) },
    ...Object.keys(journal.collection).map((area) => ({
      name: area,
      bars: missingBars(journal, area, frame),
    })),
  ].filter((lane) => lane.bars.length > 0)
}
