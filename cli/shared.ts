// What several commands need: the world option, lines for people, interruption by Ctrl-C.
import { Option } from 'commander'
import { worldNameOf } from '#protocol/names.ts'
import { type HostConfig, loadHostConfig } from '#runtime/config.ts'
import { EnvironmentError } from '#world/environment-error.ts'

/** Lines for people go to the error stream; standard output belongs to results. */
export function say(line: string): void {
  process.stderr.write(`firedrill: ${line}\n`)
}

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

/** As a shell takes it for one word. */
export function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

export function worldOption(): Option {
  return new Option('--world <name>', 'which world').default('default').argParser(worldFrom)
}

/** @throws EnvironmentError for what is no name */
function worldFrom(typed: string): string {
  try {
    return worldNameOf(typed)
  } catch (error) {
    throw new EnvironmentError(`--world: ${(error as Error).message}`, { cause: error })
  }
}

export function hostConfig(): HostConfig {
  try {
    return loadHostConfig()
  } catch (error) {
    throw new EnvironmentError((error as Error).message, { cause: error })
  }
}

/** Aborted at the first Ctrl-C (or SIGTERM, SIGHUP); the second one ends the process at once. */
export function interruption(whatHappens: string): AbortSignal {
  const controller = new AbortController()
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(130)
    say(`${name}: ${whatHappens}; once more ends this at once`)
    controller.abort(new Error(`interrupted by ${name}`))
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal)
  return controller.signal
}

/** @throws EnvironmentError unless the text is a whole number in the range */
export function wholeNumber(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < least || value > most)
      throw new EnvironmentError(
        `${name}: expected a whole number from ${least} to ${most}, saw ${JSON.stringify(text)}`,
      )
    return value
  }
}

/** @throws EnvironmentError unless the text is an address such as http://localhost:4318 */
export function otlpEndpoint(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text
  throw new EnvironmentError(`--otlp: expected an address such as http://localhost:4318, saw ${JSON.stringify(text)}`)
}
