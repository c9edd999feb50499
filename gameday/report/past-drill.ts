// A past drill from its files: printed again, and its report written anew.
import type { Journal } from '#protocol/journal.ts'

/**
 * @param drill a folder, a name below `drillsFolder`, or undefined for the latest
 * @throws Error in one line if there is no such drill
 */
export async function reportDrill(
  drillsFolder: string,
  drill: string | undefined,
): Promise<{ readonly journal: Journal; readonly folder: string; readonly screen: string }> {
  throw new Error(`reports are not built yet (${drillsFolder}, ${drill ?? 'latest'})`)
}
