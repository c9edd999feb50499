// The processes inside a container, as its /proc shows them: no tool but a shell is needed there.
import type { RunningWorld, Target } from '#world/running-world.ts'

export interface Process {
  readonly pid: number
  /** Clock ticks from the machine's start to the process's: with the pid it names a process for ever. */
  readonly startedTicks: number
  /** As the kernel calls it: `postgres`, `haproxy`. */
  readonly name: string
  /** Its command line, or what the process has put in its place. */
  readonly title: string
}

// One line each: pid, parent, state, start, name, title. The first line is the shell's own pid.
const listing = `echo $$
for folder in /proc/[0-9]*; do
  { IFS= read -r line <$folder/stat && IFS= read -r name <$folder/comm; } 2>/dev/null || continue
  set -- \${line##*) }
  printf '%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' \${folder#/proc/} $2 $1 \${20} "$name" "$(tr '\\0\\n\\t' '   ' <$folder/cmdline 2>/dev/null)"
done`

/** Kills the process $1 if it is still the one that started at $2. */
const killing = `IFS= read -r line </proc/$1/stat && pid=$1 && started=$2 && set -- \${line##*) } && [ \${20} = $started ] && kill -9 $pid`

/** Without the container's reaper and the listing itself. */
export async function processesOf(world: RunningWorld, target: Target): Promise<readonly Process[]> {
  const { stdout } = await world.exec(target, ['sh', '-c', listing])
  return parseListing(stdout)
}

export function parseListing(text: string): readonly Process[] {
  const [own = '', ...lines] = text.split('\n')
  return lines.flatMap((line) => {
    const [pid = '', parent, state, started, name = '', title = ''] = line.split('\t')
    if (pid === '' || pid === '1' || pid === own || parent === own || state === 'Z') return []
    return [{ pid: Number(pid), startedTicks: Number(started), name, title: title.trim() }]
  })
}

/** The one that has run longest, of those whose name, program or command line is as `wanted` says. */
export function findProcess(processes: readonly Process[], wanted: string): Process | null {
  const found = processes.filter((each) => isCalled(each, wanted))
  return found.toSorted((left, right) => left.startedTicks - right.startedTicks || left.pid - right.pid)[0] ?? null
}

function isCalled({ name, title }: Process, wanted: string): boolean {
  // Postgres's own titles have its cluster's name in between: `postgres: a: walwriter`.
  const duty = /^postgres: (?:\w+: )?(.*)$/.exec(title)?.[1]
  const program = title.split(' ')[0]?.split('/').at(-1)
  if (name === wanted || program === wanted || title.startsWith(wanted)) return true
  return duty !== undefined && (duty.startsWith(wanted) || `postgres: ${duty}`.startsWith(wanted))
}

/** No error if it has ended by itself. */
export async function killProcess(world: RunningWorld, target: Target, victim: Process): Promise<void> {
  await world.exec(target, ['sh', '-c', killing, 'sh', String(victim.pid), String(victim.startedTicks)])
}
