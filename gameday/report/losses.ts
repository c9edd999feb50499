// What was lost, held twice or differs between stores: the figures, and each item by its id.
import type { Journal } from '#protocol/journal.ts'
import { formatMs } from '../measure/objectives.ts'
import { escapeMarkup } from './escape.ts'
import { figure, idList, table, words } from './markup.ts'
import { count, recoveryTime, storeNames } from './words.ts'

function stores({ rpo }: Journal): string {
  const what = {
    postgres: 'acknowledged orders',
    kafka: 'their events, in any live region',
    redis: 'their projections',
  }
  return table({
    caption: 'Acknowledged writes that the final reads did not find. Window: from the oldest lost ack to t0.',
    heads: ['store', 'what was looked for', 'lost', 'window'],
    rows: storeNames.map((store) => [
      words(store),
      words(what[store]),
      figure(count(rpo[store].lostCount)),
      figure(rpo[store].lostCount === 0 ? 'none' : formatMs(rpo[store].windowMs)),
    ]),
  })
}

function exportsText({ exports }: Journal): string {
  if (exports.length === 0) return ''
  const rows = exports.map((each) => [
    words(each.name),
    words(each.region),
    figure(String(each.epoch)),
    figure(String(each.transactions)),
    figure(String(each.orderIds.length)),
  ])
  return [
    '<h3>Thrown away by a rewind</h3>',
    table({
      caption:
        'Transactions that a returning node had and the surviving history has not. They were kept: each is a file in the drill’s folder, exports/.',
      heads: ['file', 'region', 'when joining epoch', 'transactions', 'orders'],
      rows,
    }),
    ...exports
      .filter((each) => each.orderIds.length > 0)
      .map((each) => idList(`Orders in ${each.name}`, each.orderIds)),
  ].join('\n')
}

function regional(what: string, missing: Journal['lost']['kafka']): string {
  return missing.length === 0
    ? ''
    : idList(
        what,
        missing.map(({ region, orderId }) => `${region} ${orderId}`),
      )
}

export function renderLosses(journal: Journal): string {
  const { lost, duplicated, divergent, refusedButPresent, duplicates } = journal
  const items = [
    lost.postgres.length === 0 ? '' : idList('Acknowledged orders that are gone from Postgres', lost.postgres),
    regional('Orders whose event is missing in a region’s Kafka', lost.kafka),
    regional('Orders whose projection is missing in a region’s Redis', lost.redis),
    divergent.length === 0
      ? ''
      : idList(
          'Acknowledged orders that stores disagree about',
          divergent.map(
            ({ orderId, presentIn, missingFrom }) =>
              `${orderId}: in ${presentIn.join(', ')}; not in ${missingFrom.join(', ')}`,
          ),
        ),
    refusedButPresent.length === 0
      ? ''
      : idList('Writes that were refused as not done, and yet are there', refusedButPresent),
    exportsText(journal),
    duplicated.length === 0
      ? ''
      : idList(
          'Events that a region’s Kafka holds more than once',
          duplicated.map(({ region, eventId, times }) => `${region} ${eventId} ${times} times`),
        ),
  ].filter((each) => each !== '')
  const twice = `Events delivered twice: ${count(duplicates.delivered)}, which an at-least-once bus may do. Applied twice: ${count(duplicates.appliedTwice)}, which must be 0.`
  return [stores(journal), `<p>${escapeMarkup(twice)}</p>`, ...items].join('\n')
}

export function renderMoreFigures(journal: Journal): string {
  const { requests, failback, outage, splitBrain, staleReads, falseFailovers, wanBytes } = journal
  const rows: readonly (readonly [string, string])[] = [
    ['longest time without an ack', formatMs(outage.longestMs)],
    ['failback: longest time without an ack', formatMs(failback.outageMs)],
    ['failback: requests without success', count(failback.failed)],
    ['split brain', `${count(splitBrain.count)} writes, ${formatMs(splitBrain.ms)}`],
    ['requests', `${requests.ok} ok, ${requests.failed} failed, ${requests.unknown} unknown`],
    ['stale reads', count(staleReads)],
    ['false failovers', count(falseFailovers)],
    ['carried by the WAN', wanBytes === null ? count(null) : `${(wanBytes / 1e6).toFixed(1)} MB`],
  ]
  return table({
    caption: 'More figures',
    heads: ['figure', 'measured'],
    rows: rows.map(([name, value]) => [words(name), words(value)]),
  })
}

export function renderAreas(journal: Journal): string {
  const areas = Object.entries(journal.rto.areas)
  if (areas.length === 0) return ''
  const { thresholds } = journal
  return table({
    caption: `Recovery as each client area saw it. Restored: the first ${thresholds.windowMs / 1000} s in which at least ${(thresholds.successRate * 100).toFixed(1)} % succeed with a p99 of at most ${formatMs(thresholds.p99Ms)}, and every such window after it.`,
    heads: ['area', 'first write', 'restored'],
    rows: areas.map(([area, each]) => [
      words(area),
      figure(recoveryTime(each.firstWriteMs)),
      figure(recoveryTime(each.restoredMs)),
    ]),
  })
}
