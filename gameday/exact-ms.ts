/** `8.824 s`, `215 ms`: a demand as it is written, or as it must be to be accepted. */
export function exactMs(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(3).replace(/\.(\d\d)0$/, '.$1')} s`
}
