// Makes elements, and brings what is on the page to what should be there, so that focus and what was typed stay where they are.

type Child = Node | string | null | false
type Attributes = Readonly<Record<string, string | number | boolean | ((event: Event) => void) | null | undefined>>

const svgSpace = 'http://www.w3.org/2000/svg'
/** What an element does when it is used, by event: looked up when the event comes, so that a morph can replace it. */
const handlers = new WeakMap<Element, Map<string, (event: Event) => void>>()

/** An HTML element; attributes that begin with `on` are handlers, `null` and false are left out. */
export function h(name: string, attributes: Attributes = {}, ...children: readonly Child[]): HTMLElement {
  const element = document.createElement(name)
  fill(element, attributes, children)
  return element
}

export function svg(name: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  const element = document.createElementNS(svgSpace, name)
  fill(element, attributes, children)
  return element
}

function fill(element: Element, attributes: Attributes, children: readonly Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (typeof value === 'function') handle(element, name.slice(2), value)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  for (const child of children) if (child !== null && child !== false) element.append(child)
}

function handle(element: Element, event: string, handler: (event: Event) => void): void {
  const known = handlers.get(element)
  if (known !== undefined && known.has(event)) {
    known.set(event, handler)
    return
  }
  const own = known ?? new Map<string, (event: Event) => void>()
  handlers.set(element, own.set(event, handler))
  element.addEventListener(event, (fired) => handlers.get(element)?.get(event)?.(fired))
}

/** Makes the children of `parent` what `wanted` says. Elements with the same `data-key`, else the same place and name, are kept. */
export function morph(parent: Element, wanted: readonly Child[]): void {
  const nodes = wanted
    .filter((each) => each !== null && each !== false)
    .map((each) => (typeof each === 'string' ? document.createTextNode(each) : each))
  const keyed = new Map<string, Element>()
  for (const child of parent.children) {
    const key = child.getAttribute('data-key')
    if (key !== null) keyed.set(key, child)
  }
  let place = parent.firstChild
  for (const node of nodes) {
    const key = node instanceof Element ? node.getAttribute('data-key') : null
    const candidate = key === null ? place : (keyed.get(key) ?? null)
    if (candidate !== null && isSame(candidate, node)) {
      if (candidate !== place) parent.insertBefore(candidate, place)
      place = candidate.nextSibling
      update(candidate, node)
    } else {
      parent.insertBefore(node, place)
    }
  }
  while (place !== null) {
    const next = place.nextSibling
    place.remove()
    place = next
  }
}

function isSame(old: Node, wanted: Node): boolean {
  if (!(old instanceof Element && wanted instanceof Element)) return old.nodeType === wanted.nodeType
  return old.nodeName === wanted.nodeName && old.getAttribute('data-key') === wanted.getAttribute('data-key')
}

function update(old: Node, wanted: Node): void {
  if (!(old instanceof Element && wanted instanceof Element)) {
    if (old.nodeValue !== wanted.nodeValue) old.nodeValue = wanted.nodeValue
    return
  }
  for (const { name } of Array.from(old.attributes)) if (!wanted.hasAttribute(name)) old.removeAttribute(name)
  for (const { name, value } of wanted.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value)
  for (const [event, handler] of handlers.get(wanted) ?? []) handle(old, event, handler)
  morph(old, [...wanted.childNodes])
}

/** @throws Error if the page lacks it */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`expected an element #${id} on the page`)
  return element
}
