// Times of monotonic clocks as text: they may be more than a JSON number holds.
import { z } from 'zod'

export const nanoseconds = z.string().regex(/^\d+$/, 'expected nanoseconds')
/** A line that was changed may say that something was before the clock's origin: that is for who measures to judge. */
export const signedNanoseconds = z.string().regex(/^-?\d+$/, 'expected nanoseconds')
