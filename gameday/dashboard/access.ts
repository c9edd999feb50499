// Who may ask the dashboard for what: pure. It can break regions, so nothing but its own page, and whoever has its token, may.
import { createHash, timingSafeEqual } from 'node:crypto'

export interface Asked {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

export interface Own {
  readonly port: number
  readonly token: string
}

export type Access =
  | { readonly allowed: true }
  /** The token was in the address: it moves into a cookie, and the address is cleaned of it. */
  | { readonly allowed: false; readonly location: string; readonly cookie: string }
  | { readonly allowed: false; readonly reason: string }

/** Cookies don't know ports, so its name does: dashboards of several worlds live on one host. */
export function cookieName(port: number): string {
  return `firedrill-${port}`
}

/** In constant time, also for tokens of another length. */
function isToken(seen: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(seen), digest(token))
}

function header(asked: Asked, name: string): string {
  const value = asked.headers[name]
  return typeof value === 'string' ? value : ''
}

function cookieOf(asked: Asked, name: string): string | null {
  for (const pair of header(asked, 'cookie').split(';')) {
    const [key = '', value = ''] = pair.trim().split('=')
    if (key === name) return value
  }
  return null
}

function refuse(reason: string): Access {
  return { allowed: false, reason }
}

export function judgeAccess(asked: Asked, { port, token }: Own): Access {
  const host = header(asked, 'host')
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`]
  // A foreign name that resolves to this machine (DNS rebinding) would make a foreign page this server's own.
  if (!hosts.includes(host)) return refuse(`expected host ${hosts.join(' or ')}, saw ${JSON.stringify(host)}`)
  const changes = asked.method !== 'GET' && asked.method !== 'HEAD'
  const origin = header(asked, 'origin')
  if ((changes || origin !== '') && origin !== `http://${host}`)
    return refuse(`expected origin http://${host}, saw ${origin === '' ? 'none' : JSON.stringify(origin)}`)
  const url = new URL(asked.url, `http://${host}`)
  const given = url.searchParams.get('token')
  if (given !== null && !changes) {
    if (!isToken(given, token)) return refuse('the token in the address is not that of this dashboard')
    url.searchParams.delete('token')
    const location = `${url.pathname.replace(/^\/+/, '/')}${url.search}`
    return { allowed: false, location, cookie: `${cookieName(port)}=${token}; HttpOnly; SameSite=Strict; Path=/` }
  }
  const bearer = /^Bearer (.+)$/.exec(header(asked, 'authorization'))?.[1]
  const seen = bearer ?? cookieOf(asked, cookieName(port))
  if (seen === null) return refuse('expected the token of this dashboard, saw none')
  return isToken(seen, token) ? { allowed: true } : refuse('expected the token of this dashboard, saw another')
}
