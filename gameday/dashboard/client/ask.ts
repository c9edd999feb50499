// Asks the server to do something, and says what came of it.

import type { FieldProblem } from '../model/offers.ts'

export type Answer =
  { readonly done: string } | { readonly refused: string; readonly problems: readonly FieldProblem[] }

interface Reply {
  readonly done?: string
  readonly reason?: string
  readonly problems?: readonly FieldProblem[]
}

/** Never rejects. */
export async function ask(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer> {
  try {
    const reply = await fetch(path, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    const text = await reply.text()
    if (reply.status === 403) return { refused: text.trim(), problems: [] }
    const { done, reason, problems } = JSON.parse(text) as Reply
    return done === undefined ? { refused: reason ?? `status ${reply.status}`, problems: problems ?? [] } : { done }
  } catch (error) {
    return { refused: `the dashboard's server did not answer: ${String(error)}`, problems: [] }
  }
}

/** @throws Error if it can't be had */
export async function fetchJson<Value>(path: string): Promise<Value> {
  const reply = await fetch(path)
  if (!reply.ok) throw new Error(`${path}: status ${reply.status}`)
  return (await reply.json()) as Value
}
