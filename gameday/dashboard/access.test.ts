import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cookieName, judgeAccess, type Access, type Asked } from './access.ts'

const own = { port: 4711, token: 'right-token' }
const host = '127.0.0.1:4711'
const cookie = `other=1; ${cookieName(4711)}=right-token`

function ask(headers: Asked['headers'], method = 'GET', url = '/'): Access {
  return judgeAccess({ method, url, headers: { host, ...headers } }, own)
}

function reasonOf(access: Access): string {
  assert.ok(!access.allowed && 'reason' in access, JSON.stringify(access))
  return access.reason
}

void test('a request without the token, or with another, is refused whatever it asks for', () => {
  for (const url of ['/', '/style.css', '/api/live', '/api/state', '/drills/x/report.html']) {
    assert.match(reasonOf(ask({}, 'GET', url)), /saw none/)
    assert.match(reasonOf(ask({ authorization: 'Bearer wrong' }, 'GET', url)), /saw another/)
    assert.match(reasonOf(ask({ cookie: `${cookieName(4711)}=wrong` }, 'GET', url)), /saw another/)
    assert.match(reasonOf(ask({ cookie: `${cookieName(4712)}=right-token` }, 'GET', url)), /saw none/)
  }
})

void test('the cookie and the bearer token are both good', () => {
  assert.deepEqual(ask({ cookie }), { allowed: true })
  assert.deepEqual(ask({ authorization: 'Bearer right-token' }), { allowed: true })
  assert.deepEqual(ask({ cookie, host: 'localhost:4711' }), { allowed: true })
})

void test('the token in the address moves into a cookie that scripts and other sites cannot use', () => {
  const access = ask({}, 'GET', '/?token=right-token&theme=dark')
  assert.ok(!access.allowed && 'location' in access)
  assert.equal(access.location, '/?theme=dark')
  assert.equal(access.cookie, 'firedrill-4711=right-token; HttpOnly; SameSite=Strict; Path=/')
  assert.match(reasonOf(ask({}, 'GET', '/?token=wrong')), /not that of this dashboard/)
})

void test('the cleaned address never leads to another host', () => {
  const access = ask({}, 'GET', '//evil.example/?token=right-token')
  assert.ok(!access.allowed)
  if ('location' in access) assert.match(access.location, /^\/(?!\/)/)
})

void test('a change needs the own origin, also with the right token', () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    assert.match(reasonOf(ask({ cookie }, method, '/api/heal')), /expected origin .* saw none/)
    for (const origin of [
      'null',
      'http://evil.example',
      'http://127.0.0.1:4712',
      'https://127.0.0.1:4711',
      `http://${host}.evil`,
    ])
      assert.match(reasonOf(ask({ cookie, origin }, method, '/api/heal')), /expected origin/, origin)
    assert.deepEqual(ask({ cookie, origin: `http://${host}` }, method, '/api/heal'), { allowed: true })
  }
  assert.match(reasonOf(ask({ cookie, origin: 'http://localhost:4711' }, 'POST', '/api/heal')), /expected origin/)
})

void test('a token in the address is no key to a change', () => {
  assert.match(reasonOf(ask({ origin: `http://${host}` }, 'POST', '/api/heal?token=right-token')), /saw none/)
})

void test('a read that another page makes with an origin is refused as well', () => {
  assert.match(reasonOf(ask({ cookie, origin: 'http://evil.example' })), /expected origin/)
})

void test('a name that was made to resolve to this machine is refused before the token is looked at', () => {
  for (const foreign of ['evil.example', 'evil.example:4711', '127.0.0.1', '127.0.0.1:80', ''])
    assert.match(reasonOf(ask({ cookie, host: foreign, origin: `http://${foreign}` })), /expected host/)
})
