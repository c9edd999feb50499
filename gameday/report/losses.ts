// What was lost, held twice or differs between stores: the figures, and each item by its id.
import type { Journal } from '#protocol/journal.ts'
import { formatMs } from '../measure/objectives.ts'
import { escapeMarkup } from './escape.ts'
import { figureOf, longestGapOf, requestsOf, type Figure } from './figures.ts'
import { figure, idList, known, table, words } from './markup.ts'
import { storeNames } from '../measure/record.ts'

function inWords({ text, why }: Figure): string {
  return why === null ? text : `${text} (${why})`
}

function stores(journal: Journal): string {
  const { rpo } = journal
  const what = {
    postgres: 'acknowledged orders',
    kafka: 'their events, in any live region',
    redis: 'their projections',
  }
  return table({
    caption:
      'Acknowledged writes that the final reads did not find. Window: from the oldest lost ack to the t0 of its incident, or to the newest lost ack after it; the largest of all incidents.',
    heads: ['store', 'what was looked for', 'lost', 'window'],
    rows: storeNames.map((store) => [
      words(store),
      words(what[store]),
      known(figureOf(journal, `rpo.${store}.lostCount`, rpo[store].lostCount)),
      rpo[store].lostCount === 0
        ? figure('none')
        : known(figureOf(journal, `rpo.${store}.windowMs`, rpo[store].windowMs, formatMs)),
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
  const delivered = inWords(figureOf(journal, 'duplicates.delivered', duplicates.delivered))
  const applied = inWords(figureOf(journal, 'duplicates.appliedTwice', duplicates.appliedTwice))
  const twice = `Events delivered twice: ${delivered}, which an at-least-once bus may do. Applied twice: ${applied}, which must be 0.`
  return [stores(journal), `<p>${escapeMarkup(twice)}</p>`, ...items].join('\n')
}

export function renderMoreFigures(journal: Journal): string {
  const { failback, splitBrain, staleReads, falseFailovers, wanBytes } = journal
  const split = figureOf(journal, 'splitBrain.count', splitBrain.count, (value) =>
    value === 0 ? '0 writes' : `${value} writes, ${figureOf(journal, 'splitBrain.ms', splitBrain.ms, formatMs).text}`,
  )
  const rows: readonly (readonly [string, Figure])[] = [
    ['longest time without an ack', longestGapOf(journal)],
    ['failback: longest time without an ack', figureOf(journal, 'failback.outageMs', failback.outageMs, formatMs)],
    ['failback: requests without success', figureOf(journal, 'failback.failed', failback.failed)],
    ['split brain', split],
    ['requests', requestsOf(journal)],
    ['stale reads', figureOf(journal, 'staleReads', staleReads)],
    ['false failovers', figureOf(journal, 'falseFailovers', falseFailovers)],
    ['carried by the WAN', figureOf(journal, 'wanBytes', wanBytes, (bytes) => `${(bytes / 1e6).toFixed(1)} MB`)],
  ]
  return table({
    caption: 'More figures',
    heads: ['figure', 'measured'],
    rows: rows.map(([name, { text, why }]) => [words(name), { ...known({ text, why }), isFigure: false }]),
  })
}
