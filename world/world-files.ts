// Files about a world that processes of one user leave for each other: in the machine's folder, since checkouts share worlds. Who has
// the world is not among them: that, the world itself says (holds.ts).
import { join } from 'node:path'
import { machineFolder } from './checkout.ts'

function fileOf(world: string, ending: string): string {
  return join(machineFolder(), 'worlds', `${world}.${ending}`)
}

export const guardLogFile = (world: string): string => fileOf(world, 'guard.log')

export const dashboardLockFile = (world: string): string => fileOf(world, 'dashboard.lock')
/** Address and token of the dashboard. */
export const dashboardFile = (world: string): string => fileOf(world, 'dashboard.json')
export const dashboardLogFile = (world: string): string => fileOf(world, 'dashboard.log')

/** What the running drill of a world shows of itself (`protocol/live-drill.ts`), and what it is answered. */
export const liveFolder = (world: string): string => join(machineFolder(), 'worlds', world)
export const liveDrillFile = (world: string): string => join(liveFolder(world), 'drill.json')
export const approvalFile = (world: string): string => join(liveFolder(world), 'approval.json')
/** What a drill says that the dashboard has started. */
export const drillLogFile = (world: string): string => join(liveFolder(world), 'drill.log')
