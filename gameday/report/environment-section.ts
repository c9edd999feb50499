// What a drill ran on, how busy that was, and what to type to get the same.
import type { Journal } from '#protocol/journal.ts'
import { formatMs } from '../measure/objectives.ts'
import { escapeMarkup } from './escape.ts'
import { facts } from './markup.ts'
import { bytesText, percent } from './words.ts'

function lateText(ms: number | null): string {
  return ms === null ? 'unknown' : formatMs(ms)
}

function loadText({ machineLoad }: Journal): string {
  if (machineLoad === null) return 'unknown: the drill ended before the first look at it'
  const { busyShare, saturatedShare, medianLateMs, worstLateMs, samples } = machineLoad
  return `processors ${percent(busyShare)} busy on average, saturated in ${percent(saturatedShare)} of ${samples} samples; the harness's loop was late by ${lateText(medianLateMs)} (median) to ${lateText(worstLateMs)}`
}

/** Images that several containers share are told once. */
function imagesText(images: Readonly<Record<string, string>>): string {
  const short = Object.values(images).map((each) => each.replace(/^(sha256:[0-9a-f]{12}).*/, '$1'))
  return [...new Set(short)].toSorted().join(', ')
}

export function renderEnvironment(journal: Journal): string {
  const { environment } = journal
  if (environment === null) return '<p>This drill was recorded by a version that did not look at its machine.</p>'
  const { firedrill, machine, docker, node, images } = environment
  return facts([
    [
      'firedrill',
      `${firedrill.version}${firedrill.commit === null ? '' : `, commit ${firedrill.commit}`}, Node ${node}`,
    ],
    [
      'Machine',
      `${machine.processors} × ${machine.processorModel}, ${bytesText(machine.memoryBytes)} of memory, ${machine.kernel}, ${machine.arch}`,
    ],
    [
      'Containers',
      docker === null
        ? 'Docker did not say'
        : `Docker ${docker.version}, ${docker.compose === null ? 'no compose found' : `compose ${docker.compose}`}; ${docker.processors} processors, ${bytesText(docker.memoryBytes)}, kernel ${docker.kernel}, ${docker.system}`,
    ],
    ['Load of the machine', loadText(journal)],
    ['Images', imagesText(images)],
  ])
}

export function renderAgain(journal: Journal): string {
  const { command } = journal
  const run =
    command === null
      ? '<p>This drill was not begun by a command of its own.</p>'
      : `<pre><code>${escapeMarkup(command)}</code></pre>`
  return `${run}<p class="soft">The seed draws the load: the same arrivals, keys, reads and writes. To measure this drill again from its raw files: <code>./firedrill report --recompute ${escapeMarkup(journal.drill)}</code></p>`
}
