// What stores disagree about: counted, and the first of it in words.

const inWords = 20

export class Differences {
  readonly #sentences: string[] = []
  #count = 0

  add(sentence: () => string): void {
    this.#count += 1
    if (this.#sentences.length < inWords) this.#sentences.push(sentence())
  }

  get count(): number {
    return this.#count
  }

  get sentences(): readonly string[] {
    return this.#sentences
  }
}

const longestShown = 80

/** A value in a sentence. */
export function shown(value: string): string {
  return value.length > longestShown ? `${value.slice(0, longestShown)}…` : value
}
