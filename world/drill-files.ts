// Where a world's running drill and its dashboard show themselves to others: in the machine's folder, since checkouts share worlds.
import { join } from 'node:path'
import { machineFolder } from './checkout.ts'

function fileOf(world: string, ending: string): string {
  return join(machineFolder(), 'worlds', `${world}${ending}`)
}

export const liveDrillFile = (world: string): string => fileOf(world, '/drill.json')
export const approvalFile = (world: string): string => fileOf(world, '/approval.json')
/** What a drill says that the dashboard has started. */
export const drillLogFile = (world: string): string => fileOf(world, '/drill.log')
export const guardLogFile = (world: string): string => fileOf(world, '.guard.log')
export const worldLockFile = (world: string): string => fileOf(world, '.lock')
export const dashboardLockFile = (world: string): string => fileOf(world, '.dashboard.lock')
/** Address and token of the dashboard. */
export const dashboardFile = (world: string): string => fileOf(world, '.dashboard.json')
export const dashboardLogFile = (world: string): string => fileOf(world, '.dashboard.log')
