// A drill in two or three sentences, for readers who read nothing else.
import type { Journal } from '#protocol/journal.ts'
import { formatMs } from '../measure/objectives.ts'
import { storeNames } from './words.ts'

function opening({ faults, steps }: Journal): string {
  const measured = faults.filter((fault) => !fault.background)
  const background = faults.filter((fault) => fault.background)
  const name = (fault: (typeof faults)[number]): string => `${fault.kind} of ${fault.target}`
  const during = background.length === 0 ? '' : ` (under ${background.map(name).join(', ')})`
  if (measured.length > 0) return `Injected: ${measured.map(name).join(', then ')}${during}.`
  const order = steps.find((step) => step.kind === 'action')
  return order === undefined
    ? `Nothing was broken and nothing was ordered${during}.`
    : `${order.title}; nothing was broken${during}.`
}

function recovery({ rto, t0, epochs, outage }: Journal): string {
  if (t0 === null) return ''
  const moved = epochs.findLast((each) => each.cause === 'fault') ?? epochs.find((each) => each.cause === 'ordered')
  const where = moved?.region == null ? '' : ` by region ${moved.region}, in epoch ${moved.epoch}`
  const first =
    rto.firstWriteMs === null
      ? 'No write was acknowledged again.'
      : moved === undefined
        ? `The longest time without an acknowledged write was ${formatMs(rto.firstWriteMs)}.`
        : `The first new write was acknowledged after ${formatMs(rto.firstWriteMs)}${where}.`
  const restored =
    rto.restoredMs === null
      ? 'Service was not seen to come back within its bounds.'
      : `Service was back within its bounds in every client area after ${formatMs(rto.restoredMs)}.`
  const gap =
    outage.longestMs === null || moved === undefined
      ? ''
      : ` The longest time without any ack was ${formatMs(outage.longestMs)}.`
  return `${first} ${restored}${gap}`
}

function losses({ rpo, splitBrain }: Journal): string {
  const lost = storeNames.filter((store) => (rpo[store].lostCount ?? 0) > 0)
  const unread = storeNames.filter((store) => rpo[store].lostCount === null)
  const split =
    (splitBrain.count ?? 0) > 0 ? ` ${splitBrain.count} writes were acknowledged by a region whose epoch was over.` : ''
  if (lost.length > 0) {
    const parts = lost.map((store) => `${rpo[store].lostCount} from ${store}`)
    return `Acknowledged writes are missing: ${parts.join(', ')}.${split}`
  }
  if (unread.length === storeNames.length) return `What was lost was not measured.${split}`
  const part = unread.length === 0 ? '' : ` (${unread.join(', ')} not measured)`
  return `No acknowledged write was lost${part}.${split}`
}

export function storyOf(journal: Journal): string {
  return [opening(journal), recovery(journal), losses(journal)].filter((each) => each !== '').join(' ')
}
