// A drill in a few sentences, for readers who read nothing else.
import type { Journal } from '#protocol/journal.ts'
import { formatMeasured, formatMs } from '../measure/objectives.ts'
import { figureOf, reasonOf, restoredOf } from './figures.ts'
import { storeNames } from '../measure/record.ts'
import { many, storeLabels } from './words.ts'

function opening({ faults, steps }: Journal): string {
  const measured = faults.filter((fault) => !fault.background && !fault.outside)
  const background = faults.filter((fault) => fault.background)
  const name = (fault: (typeof faults)[number]): string => `${fault.kind} of ${fault.target}`
  const during = background.length === 0 ? '' : ` (under ${background.map(name).join(', ')})`
  if (measured.length > 0) return `Injected: ${measured.map(name).join(', then ')}${during}.`
  const order = steps.find((step) => step.kind === 'action')
  return order === undefined
    ? `Nothing was broken and nothing was ordered${during}.`
    : `${order.title}; nothing was broken${during}.`
}

function several({ incidents, rto }: Journal): string {
  if (incidents.length < 2) return ''
  const unexplained = incidents.filter(({ cause }) => cause === 'unexplained').length
  const worst = rto.incident === null ? '' : `; what follows is the worst of them, ${rto.incident}`
  const outside = incidents.filter(({ cause }) => cause === 'outside').length
  const odd = [
    ...(unexplained === 0 ? [] : [`, ${unexplained} of them with neither a fault nor an order that explains it`]),
    ...(outside === 0 ? [] : [`, ${outside} of them from outside: somebody else's doing, not this drill's`]),
  ].join('')
  return `There were ${many(incidents.length, 'incident')}${odd}${worst}.`
}

function firstWrite(journal: Journal): string {
  const { rto, epochs } = journal
  if (rto.firstWriteMs === null) {
    const why = reasonOf(journal, 'rto.firstWriteMs')
    return why === null ? 'No write was acknowledged again.' : `When a write was acknowledged again is unknown: ${why}.`
  }
  const moved = epochs.findLast((each) => each.cause === 'fault') ?? epochs.find((each) => each.cause === 'ordered')
  const after = formatMeasured(rto.firstWriteMs, rto.firstWriteResolutionMs, 'less')
  if (moved === undefined) return `The longest time without an acknowledged write was ${after}.`
  const where = moved.region === null ? '' : ` by region ${moved.region}, in epoch ${moved.epoch}`
  // With several incidents it need not be this epoch that ended the worst.
  return `The first new write was acknowledged after ${after}${journal.incidents.length > 1 ? '' : where}.`
}

function restored(journal: Journal): string {
  const { rto } = journal
  const { text, why } = restoredOf(journal, 'rto', rto)
  if (rto.stillOutMs !== null) return `Service was ${text}.`
  if (rto.restoredMs !== null) return `Service was back within its bounds in every client area after ${text}.`
  return why === null || text !== 'unknown'
    ? 'Service was not seen to come back within its bounds.'
    : `When service came back within its bounds is unknown: ${why}.`
}

function recovery(journal: Journal): string {
  if (journal.t0 === null) return ''
  const { longestMs, open } = journal.outage
  const gap =
    longestMs === null || journal.epochs.every(({ cause }) => cause === 'before')
      ? ''
      : `The longest time without any ack was ${formatMs(longestMs)}${open ? ', and was not over when the load ended' : ''}.`
  return [several(journal), firstWrite(journal), restored(journal), gap].filter((each) => each !== '').join(' ')
}

function losses(journal: Journal): string {
  const { rpo, splitBrain } = journal
  const lost = storeNames.filter((store) => (rpo[store].lostCount ?? 0) > 0)
  const unread = storeNames.filter((store) => rpo[store].lostCount === null)
  const reasons = Map.groupBy(unread, (store) => {
    const { text, why } = figureOf(journal, `rpo.${store}.lostCount`, null)
    return `lost is ${text}${why === null ? '' : `: ${why}`}.`
  })
  const sentences = [
    lost.length > 0
      ? `Acknowledged writes are missing: ${lost.map((store) => `${rpo[store].lostCount} from ${store}`).join(', ')}.`
      : '',
    lost.length === 0 && unread.length === 0 ? 'No acknowledged write was lost.' : '',
    ...[...reasons].map(([reason, stores]) => `What ${stores.map((store) => storeLabels[store]).join(', ')} ${reason}`),
    (splitBrain.count ?? 0) > 0 ? `${splitBrain.count} writes were acknowledged by a region whose epoch was over.` : '',
  ]
  return sentences.filter((each) => each !== '').join(' ')
}

export function storyOf(journal: Journal): string {
  return [opening(journal), recovery(journal), losses(journal)].filter((each) => each !== '').join(' ')
}
