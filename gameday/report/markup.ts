// Pieces of HTML that sections are put together from. Texts are escaped here; cells are HTML already.
import { escapeMarkup, flowingText } from './escape.ts'
import type { Figure } from './figures.ts'

/** A cell of a table: HTML, and whether it is a number that stands to the right. */
export interface Cell {
  readonly html: string
  readonly isFigure?: boolean
}

export interface Table {
  readonly caption: string
  readonly heads: readonly string[]
  /** The first cell of each row heads it. */
  readonly rows: readonly (readonly Cell[])[]
  /** On narrow screens rows become blocks, instead of the table being scrolled. */
  readonly stacks?: boolean
}

export function words(text: string): Cell {
  return { html: flowingText(text) }
}

export function figure(text: string): Cell {
  return { html: escapeMarkup(text), isFigure: true }
}

/** With the reason beside what is unknown. */
export function known({ text, why }: Figure): Cell {
  if (why === null) return { html: flowingText(text), isFigure: true }
  return { html: `${escapeMarkup(text)} <small class="why">${flowingText(why)}</small>`, isFigure: true }
}

const marks: Readonly<Record<string, string>> = { pass: '✓', met: '✓', fail: '✕', missed: '✕', unknown: '?' }

/** The word with its sign: colour is never the only one. */
export function state(value: string): string {
  return `<span class="state ${escapeMarkup(value)}"><span aria-hidden="true">${marks[value] ?? ''}</span> ${escapeMarkup(value)}</span>`
}

export function table({ caption, heads, rows, stacks = true }: Table): string {
  const kind = (column: number): string =>
    rows.length > 0 && rows.every((row) => row[column]?.isFigure === true) ? ' class="figure"' : ''
  const head = heads.map((each, column) => `<th scope="col"${kind(column)}>${escapeMarkup(each)}</th>`).join('')
  const line = (row: readonly Cell[]): string =>
    row
      .map((cell, column) => {
        const shape = cell.isFigure === true ? ' class="figure"' : ''
        return column === 0
          ? `<th scope="row"${shape}>${cell.html}</th>`
          : `<td${shape} data-head="${escapeMarkup(heads[column] ?? '')}">${cell.html}</td>`
      })
      .join('')
  const body = rows.map((row) => `<tr>${line(row)}</tr>`).join('\n')
  const label = escapeMarkup(caption)
  // What may scroll must be reachable by keyboard.
  const scroller = stacks
    ? '<div class="table">'
    : `<div class="table" tabindex="0" role="region" aria-label="${label}">`
  return `${scroller}<table${stacks ? ' class="stack"' : ''}><caption>${label}</caption><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`
}

export function section(id: string, title: string, ...parts: readonly string[]): string {
  return `<section aria-labelledby="${id}"><h2 id="${id}">${escapeMarkup(title)}</h2>\n${parts.filter((part) => part !== '').join('\n')}\n</section>`
}

/** Names and what they are, in two columns. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const items = pairs.map(([name, value]) => `<dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd>`)
  return `<dl class="facts">${items.join('')}</dl>`
}

const shownIds = 12
const mostIds = 500

/** Ids; beyond a dozen they are folded away, beyond 500 they are left to the journal. */
export function idList(title: string, ids: readonly string[]): string {
  const items = ids.slice(0, mostIds).map((id) => `<li><code>${escapeMarkup(id)}</code></li>`)
  const rest = ids.length > mostIds ? `<p class="soft">and ${ids.length - mostIds} more in journal.json</p>` : ''
  const list = `<ul class="ids">${items.join('')}</ul>${rest}`
  const heading = escapeMarkup(`${title}: ${ids.length}`)
  return ids.length <= shownIds
    ? `<h3>${heading}</h3>${list}`
    : `<details><summary>${heading}</summary>${list}</details>`
}
