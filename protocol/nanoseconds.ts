// Times of monotonic clocks as records carry them.
import { z } from 'zod'

/** Nanoseconds as text, which may be more than a JSON number holds. A time before a clock's origin is negative. */
export const nanoseconds = z.string().regex(/^-?\d{1,20}$/, 'expected nanoseconds')
