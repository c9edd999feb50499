// The names of containers on the command line.
import { EnvironmentError } from '#world/environment-error.ts'
import type { Target } from '#world/running-world.ts'
import { parseTarget, standardTargets, targetName } from '#world/world-containers.ts'

/** @throws EnvironmentError that lists the names */
export function targetFrom(name: string): Target {
  const target = parseTarget(name)
  if (target === null)
    throw new EnvironmentError(
      `unknown target ${JSON.stringify(name)}; expected one of ${standardTargets.map(targetName).join(', ')}`,
    )
  return target
}
