// Prometheus' text format of many processes put together: each sample gets labels that say whose it is, families stay together.

export interface Source {
  /** Put before the sample's own labels. */
  readonly labels: Readonly<Record<string, string>>
  readonly text: string
}

interface Family {
  readonly head: readonly string[]
  readonly samples: string[]
}

/** One text of them all; of a family that several have, the first one's help and type. */
export function mergeExpositions(sources: readonly Source[]): string {
  const families = new Map<string, Family>()
  for (const { labels, text } of sources) {
    const prefix = Object.entries(labels)
      .map(([name, value]) => `${name}="${escaped(value)}"`)
      .join(',')
    let family: Family | null = null
    let help = ''
    for (const line of text.split('\n')) {
      const [, keyword, name = ''] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? []
      if (keyword === 'HELP') help = line
      else if (keyword === 'TYPE') {
        family = families.get(name) ?? { head: [help, line], samples: [] }
        families.set(name, family)
      } else if (line !== '' && !line.startsWith('#')) family?.samples.push(labelled(line, prefix))
    }
  }
  return [...families.values()]
    .filter(({ samples }) => samples.length > 0)
    .map(({ head, samples }) => `${[...head, ...samples].join('\n')}\n`)
    .join('')
}

function labelled(sample: string, prefix: string): string {
  if (prefix === '') return sample
  const end = sample.search(/[{ ]/)
  const name = sample.slice(0, end)
  if (sample[end] === ' ') return `${name}{${prefix}}${sample.slice(end)}`
  const rest = sample.slice(end + 1)
  return rest.startsWith('}') ? `${name}{${prefix}${rest}` : `${name}{${prefix},${rest}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
