// Names that people give (files, worlds) and names that programs use (folders, ledger ids, idempotency keys, Docker's labels): the
// one place where the first become the second, and where text of others is made fit to be printed.
import { z } from 'zod'

/** Time and runbook of a drill: 20 letters and a dash, a slug, and a number where two begin in one second. */
const longestDrillName = 67
const longestSlug = 40
/** Together with a drill's name and a dot it is the id of a ledger entry, of which the WAN's paths take 100 letters. */
export const longestFaultId = 32
const longestWorldName = 31

/** A drill's name begins idempotency keys, ids of the ledger and of link changes, and is a folder. */
export const drillName = z
  .string()
  .regex(
    new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${longestDrillName - 1}}$`),
    `expected 1 to ${longestDrillName} letters, digits, dots, dashes and underscores`,
  )

/** A world's name as Docker has it: in labels, compose projects, networks. */
export const worldName = z
  .string()
  .regex(
    new RegExp(`^[a-z0-9][a-z0-9_-]{0,${longestWorldName - 1}}$`),
    `expected a world's name of 1 to ${longestWorldName} lower-case letters, digits, dashes and underscores`,
  )

const spelledOut: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  þ: 'th',
  ð: 'd',
}

/** FNV-1a, 32 bits, as text: tells names apart whose readable parts are the same. */
function fingerprint(text: string): string {
  const hash = new TextEncoder().encode(text).reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193), 0x811c9dc5)
  return (hash >>> 0).toString(36).padStart(7, '0')
}

/** Letters without their marks, and a dash for whatever else ASCII has not; empty if nothing is left. */
function readablePart(text: string, longest: number): string {
  return text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[ßæœøłđþð]/giu, (letter) => spelledOut[letter.toLowerCase()] ?? '')
    .replaceAll(/[^A-Za-z0-9_.-]+/g, '-')
    .replaceAll(/-{2,}/g, '-')
    .slice(0, longest)
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
}

/**
 * Any text as letters, digits, dots, dashes and underscores, at most 40 of them. A text that is such a name already stays as it is;
 * any other gets a fingerprint at its end, so that two texts don't become one name.
 */
export function slugOf(text: string): string {
  if (/^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(text) && text.length <= longestSlug) return text
  return marked(text, longestSlug)
}

function marked(text: string, longest: number): string {
  const mark = fingerprint(text)
  return [readablePart(text, longest - mark.length - 1), mark].filter((part) => part !== '').join('-')
}

/**
 * The world that is meant by what a person typed: a name that Docker takes is taken as it is, any other (blanks, capitals, umlauts)
 * becomes one, the same each time.
 * @throws RangeError for what is no name: empty, a path, control characters, nothing but signs
 */
export function worldNameOf(typed: string): string {
  if (worldName.safeParse(typed).success) return typed
  const shown = JSON.stringify(printable(typed.length > 80 ? `${typed.slice(0, 80)}…` : typed))
  if (
    /[/\\]/.test(typed) ||
    hasControl(typed) ||
    /[\n\t]/.test(typed) ||
    !/[\p{L}\p{N}]/u.test(typed) ||
    typed.length > 255
  )
    throw new RangeError(
      `expected a world's name of at most 255 letters, with at least one letter or digit, without / and \\, found ${shown}`,
    )
  return marked(typed, longestWorldName).replaceAll('.', '-').toLowerCase()
}

/** Controls of terminals (C0, DEL, C1), and signs that turn the direction of text around or break lines. */
const controls = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

function hasControl(text: string): boolean {
  return text.search(controls) >= 0
}

/** Text of others, fit for a terminal, a log and XML: what would steer it is shown as `\u{1b}`. Line ends and tabs stay. */
export function printable(text: string): string {
  return text.toWellFormed().replaceAll(controls, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`)
}

function fitText(longest: number): z.ZodString {
  return z
    .string({ error: 'expected some text' })
    .max(longest, `expected a text of at most ${longest} letters`)
    .refine((text) => !hasControl(text), 'expected text without control characters, which terminals would obey')
}

/** What people read: notes, questions, descriptions. */
export const someText = fitText(2000).trim().min(1, 'expected some text')
/** What people read in one line: a title. */
export const lineOfText = fitText(200)
  .trim()
  .min(1, 'expected some text')
  .refine((text) => !/[\n\t]/.test(text), 'expected one line of text')
/** What stands in the place of another text, or of a part of one. */
export const anyText = fitText(2000)
