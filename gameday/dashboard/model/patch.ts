// What changed between two states, and how to apply it. Both ends of the dashboard use this file.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A value at a path, or without one: the key has gone. Lists are replaced as a whole; what grows is an object by key. */
export type Change = readonly [path: readonly string[], value: Json] | readonly [path: readonly string[]]

type JsonObject = Readonly<Record<string, Json>>

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function same(left: Json, right: Json): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right)
}

/** Applied to `before`, the changes give `after`. */
export function difference(before: JsonObject, after: JsonObject, path: readonly string[] = []): readonly Change[] {
  const changes: Change[] = []
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) changes.push([[...path, key]])
  for (const [key, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined
    if (isObject(old) && isObject(value)) changes.push(...difference(old, value, [...path, key]))
    else if (old === undefined || !same(old, value)) changes.push([[...path, key], value])
  }
  return changes
}

/** @returns a new object; what has not changed is shared with `before` */
export function applyChanges(before: JsonObject, changes: readonly Change[]): JsonObject {
  return changes.reduce<JsonObject>((state, change) => put(state, change[0], change), before)
}

function put(state: JsonObject, path: readonly string[], change: Change): JsonObject {
  const [key = '', ...rest] = path
  if (rest.length === 0) {
    if (change.length === 2) return { ...state, [key]: change[1] }
    return Object.fromEntries(Object.entries(state).filter(([each]) => each !== key))
  }
  const child = state[key]
  return { ...state, [key]: put(isObject(child) ? child : {}, rest, change) }
}
