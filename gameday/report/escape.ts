// Text that is safe inside XML and HTML, attributes included. Control characters that XML forbids become a replacement sign.
export function escapeMarkup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}')
}

/** Text in HTML that may run over several lines: a link such as `a -> b` stays on one. */
export function flowingText(text: string): string {
  return escapeMarkup(text).replaceAll(
    /[\w*,|]+ (?:&lt;)?-&gt; [\w*|]+/g,
    (link) => `<span class="link-name">${link}</span>`,
  )
}
