// Label `failover_role` of everything in a compose file, with its place in the file. Needs no Docker; variables are filled in as
// compose does it, after parsing.
import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml'
import { type Region, isRegion, regions } from '#protocol/sites.ts'
import { EnvironmentError } from './environment-error.ts'
import { designedRole, judgeRole, roleLabel, type Resource, type RoleFinding } from './failover-roles.ts'

export interface FileFinding extends RoleFinding {
  /** `docker-compose.yml:117:20` */
  readonly where: string
  readonly resource: Resource
}

type Aliases = ReadonlyMap<Alias, Node>
type Variables = Readonly<Record<string, string>>

interface Labelled {
  readonly kind: Resource['kind']
  readonly name: string
  /** Where the resource begins. */
  readonly offset: number
  readonly labels: Labels
  /** Value of FIREDRILL_HOME in a service's environment, variables not filled in. */
  readonly home: string | null
}

type Labels = ReadonlyMap<string, { readonly value: string; readonly offset: number }>

const sections = { services: 'service', networks: 'network', volumes: 'volume' } as const
const homeVariable = 'FIREDRILL_HOME'

/**
 * Every resource with a missing, unknown or contradicting role. The file is judged for each region as home, as `up` would fill in
 * its variables, so that a role which is right for one home only is found.
 * @param file as it is named in findings
 * @throws EnvironmentError if the text is no compose file
 */
export function judgeComposeFile(
  file: string,
  text: string,
): { readonly resources: number; readonly findings: readonly FileFinding[] } {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  const placeOf = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const [broken] = document.errors
  if (broken !== undefined)
    throw new EnvironmentError(`${placeOf(broken.pos[0])}: expected YAML, saw: ${broken.message}`)
  const resources = labelledResources(document)
  if (resources.length === 0)
    throw new EnvironmentError(`${file}:1:1: expected a compose file with services, networks or volumes, saw none`)
  const findings = resources.flatMap((each) => {
    const found = regions.map((home) => judgeFor(each, resources, variablesFor(home))).find((one) => one !== null)
    const role = each.labels.get(roleLabel)
    return found == null ? [] : [{ ...found, where: placeOf(role?.offset ?? each.offset) }]
  })
  return { resources: resources.length, findings }
}

function judgeFor(each: Labelled, all: readonly Labelled[], variables: Variables): Omit<FileFinding, 'where'> | null {
  const home = homeOf(each, all, variables)
  const value = (label: string): string | null => {
    const found = each.labels.get(label)
    return found === undefined ? null : fillIn(found.value, variables)
  }
  const resource: Resource = {
    kind: each.kind,
    name: each.name,
    service: value('firedrill.service'),
    site: value('firedrill.site'),
    role: value(roleLabel),
  }
  const finding = judgeRole(resource, home)
  return finding === null ? null : { ...finding, resource }
}

/** What `up` gives compose for this home, as far as roles depend on it. */
function variablesFor(home: Region): Variables {
  const roles = regions.map((each) => [`FIREDRILL_ROLE_${each.toUpperCase()}`, designedRole(each, home)] as const)
  return { [homeVariable]: home, ...Object.fromEntries(roles) }
}

/** Networks and volumes have no environment: theirs is that of the file's services. */
function homeOf(each: Labelled, all: readonly Labelled[], variables: Variables): Region {
  const stated = each.home ?? all.find((other) => other.home !== null)?.home
  const home = stated == null ? '' : fillIn(stated, variables)
  return isRegion(home) ? home : regions[0]
}

function fillIn(text: string, variables: Variables): string {
  return text.replaceAll(
    /\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)/g,
    (_, braced: string | undefined, otherwise: string | undefined, bare: string | undefined) =>
      variables[braced ?? bare ?? ''] ?? otherwise ?? '',
  )
}

function labelledResources(document: Document): readonly Labelled[] {
  const found: Labelled[] = []
  const aliases = aliasesOf(document)
  for (const [section, kind] of Object.entries(sections)) {
    const map = mapOf(document.get(section, true), aliases)
    for (const pair of map?.items ?? []) {
      const body = mapOf(pair.value, aliases)
      // What is made elsewhere gets its labels there.
      const isElsewhere = scalarOf(body === null ? undefined : find(body, 'external', aliases)?.value) === 'true'
      if (isElsewhere) continue
      found.push({
        kind,
        name: scalarOf(pair.key) ?? '',
        offset: offsetOf(pair.key),
        labels: entriesOf(body, 'labels', aliases),
        home: entriesOf(body, 'environment', aliases).get(homeVariable)?.value ?? null,
      })
    }
  }
  return found
}

/** `labels` or `environment`: a mapping with merges, or a list of `name=value`. */
function entriesOf(body: YAMLMap | null, key: string, aliases: Aliases): Labels {
  const entries = new Map<string, { value: string; offset: number }>()
  const node = resolved(body === null ? undefined : find(body, key, aliases)?.value, aliases)
  if (isSeq(node))
    for (const item of node.items) {
      const [name = '', ...rest] = (scalarOf(item) ?? '').split('=')
      entries.set(name, { value: rest.join('='), offset: offsetOf(item) })
    }
  if (isMap(node))
    for (const name of [homeVariable, roleLabel, 'firedrill.service', 'firedrill.site']) {
      const pair = find(node, name, aliases)
      if (pair !== undefined)
        entries.set(name, { value: scalarOf(resolved(pair.value, aliases)) ?? '', offset: offsetOf(pair.value) })
    }
  return entries
}

/** The entry of a mapping, or of what is merged into it. */
function find(map: YAMLMap, key: string, aliases: Aliases): Pair | undefined {
  const own = map.items.find((pair) => scalarOf(pair.key) === key)
  if (own !== undefined) return own
  const merges = map.items.filter((pair) => scalarOf(pair.key) === '<<').map((pair) => resolved(pair.value, aliases))
  for (const merged of merges.flatMap((each) => (isSeq(each) ? each.items : [each]))) {
    const other = mapOf(merged, aliases)
    const inherited = other === null ? undefined : find(other, key, aliases)
    if (inherited !== undefined) return inherited
  }
  return undefined
}

/** What each alias stands for: the last node before it with its anchor. By one walk, since each `resolve` of the library is one. */
function aliasesOf(document: Document): Aliases {
  const anchors = new Map<string, Node>()
  const aliases = new Map<Alias, Node>()
  visit(document, (_key, node) => {
    const anchored = isAlias(node) ? anchors.get(node.source) : undefined
    if (isAlias(node) && anchored !== undefined) aliases.set(node, anchored)
    else if (isNode(node) && !isAlias(node) && node.anchor !== undefined) anchors.set(node.anchor, node)
  })
  return aliases
}

function resolved(node: unknown, aliases: Aliases): unknown {
  return isAlias(node) ? aliases.get(node) : node
}

function mapOf(node: unknown, aliases: Aliases): YAMLMap | null {
  const found = resolved(node, aliases)
  return isMap(found) ? found : null
}

function scalarOf(node: unknown): string | null {
  const value: unknown = isScalar(node) ? node.value : null
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
}

function offsetOf(node: unknown): number {
  return (node as { readonly range?: readonly number[] | null } | null)?.range?.[0] ?? 0
}
