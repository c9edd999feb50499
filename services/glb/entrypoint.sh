#!/bin/sh
# Writes HAProxy's configuration for one client area and becomes HAProxy. Environment: FIREDRILL_SITE (na, eu or ap),
# FIREDRILL_HOME (a, b or c: the write region until a check has spoken). The names app.<region> stand in /etc/hosts.
set -eu

case "${FIREDRILL_SITE:-}" in
  na) order='a b c' ;;
  eu) order='b a c' ;;
  ap) order='c b a' ;;
  *)
    echo "environment variable FIREDRILL_SITE: expected na, eu or ap, saw '${FIREDRILL_SITE:-}'; set it to this container's client area" >&2
    exit 3
    ;;
esac
case "${FIREDRILL_HOME:=a}" in
  a | b | c) ;;
  *)
    echo "environment variable FIREDRILL_HOME: expected a, b or c, saw '$FIREDRILL_HOME'; set it to the home region" >&2
    exit 3
    ;;
esac
near=${order%% *}

# The errors that HAProxy itself answers, in the shape of every error of the order service (protocol/order.ts).
# Without a connection to a region nothing was sent: `failed`. Once a request is on its way its outcome is `unknown`.
own_error() { # status outcome reason
  printf '  http-error status %s content-type application/json string {"error":"%s","outcome":"%s","reason":"%s","primary":null}\n' \
    "$1" "point-of-presence" "$2" "$3" | sed 's/string \(.*\)$/string '"'"'\1'"'"'/'
}

# HAProxy asks a server again some time after its last answer: `inter` if it is ready, `downinter` if it is not. What counts is
# how soon a new write region is seen: the app of a region that is not ready for writes keeps a check open for up to `wait-ms`
# and answers it the moment it becomes ready, so the news takes half a round trip. Between two such checks lie `downinter` and
# the time to make a connection: far regions have two checkers, so that one is open nearly always. `inter` is also HAProxy's
# limit for making a check's connection and must stay well above a round trip; `timeout check` is that for its answer.
write_checkers() {
  for region in $order; do
    if [ "$region" = "$near" ]; then
      echo "  server $region-1 app.$region:8080 check inter 500ms downinter 80ms fastinter 50ms rise 1 fall 2"
    else
      echo "  server $region-1 app.$region:8080 check inter 500ms downinter 70ms fastinter 50ms rise 1 fall 2"
      echo "  server $region-2 app.$region:8080 check inter 1s downinter 100ms fastinter 50ms rise 1 fall 2"
    fi
  done
}

# The nearest region is the one that is read from: its loss must be seen soon.
read_checkers() {
  for region in $order; do
    if [ "$region" = "$near" ]; then inter=300ms; else inter=1s; fi
    echo "  server $region app.$region:8080 check inter $inter fastinter 50ms rise 2 fall 2"
  done
}

# Asked for only when no region is ready.
stale_read_checkers() {
  for region in $order; do
    echo "  server $region app.$region:8080 check inter 1s fastinter 100ms rise 1 fall 2"
  done
}

region_acls() {
  for region in $order; do
    echo "  acl write_ready_$region srv_is_up(write-ready/$region-1)"
    if [ "$region" != "$near" ]; then
      echo "  acl write_ready_$region srv_is_up(write-ready/$region-2)"
    fi
    echo "  acl read_ready_$region srv_is_up(read-ready/$region)"
    echo "  acl read_stale_$region srv_is_up(read-stale/$region)"
  done
}

# The write region. The one that became ready last wins, since an old primary that was cut off may call itself ready a
# little longer. If the current one is not ready, any that is. If none is, the last known one (panic rule).
choose_write_region() {
  for region in $order; do
    echo "  http-request set-var(proc.write_region) str($region) if write_ready_$region { var(proc.was_down_$region) -m str yes }"
    echo "  http-request set-var(proc.was_down_$region) str(yes) if !write_ready_$region"
    echo "  http-request set-var(proc.was_down_$region) str(no) if write_ready_$region"
  done
  echo "  http-request set-var(txn.settled) str(no)"
  for region in $order; do
    echo "  http-request set-var(txn.settled) str(yes) if write_ready_$region { var(proc.write_region) -m str $region }"
  done
  for region in $order; do
    echo "  http-request set-var(proc.write_region) str($region) if write_ready_$region { var(txn.settled) -m str no }"
    echo "  http-request set-var(txn.settled) str(yes) if write_ready_$region"
  done
}

# The read region: the nearest ready one, else the nearest one that answers and may be stale, else the last known one.
choose_read_region() {
  better=''
  for state in ready stale; do
    for region in $order; do
      echo "  http-request set-var(proc.read_region) str($region) if$better read_${state}_$region"
      better="$better !read_${state}_$region"
    done
  done
}

forward_backends() {
  for region in $order; do
    echo "backend to-$region"
    echo "  server app app.$region:8080"
  done
}

cat >/tmp/haproxy.cfg <<END
global
  log stdout format raw local0
  nbthread 1
  maxconn 4000
  # The checks must not fall into step with each other.
  spread-checks 5
  stats socket ipv4@127.0.0.1:9999 level operator
  set-var proc.write_region str($FIREDRILL_HOME)
  set-var proc.read_region str($near)
$(for region in $order; do echo "  set-var proc.was_down_$region str(no)"; done)

defaults
  mode http
  log global
  option httplog
  option dontlog-normal
  default-server init-addr libc,none
  # Each operation is one attempt: nobody on the way sends it a second time.
  retries 0
  timeout connect 1s
  # A little above the 2.5 s in which the order service answers.
  timeout server 2900ms
  timeout client 10s
  timeout http-request 10s
  timeout http-keep-alive 60s
  # Connections that are kept for reuse end with their region: one that outlived it would break the first request after its return.
  option srvtcpka
  srvtcpka-idle 2s
  srvtcpka-intvl 1s
  srvtcpka-cnt 2
$(own_error 500 unknown 'the point of presence failed inside')
$(own_error 502 unknown 'the region broke the connection before it answered')
$(own_error 503 failed 'no connection to the region')
$(own_error 504 unknown 'the region did not answer in time')

frontend orders
  bind :8080
  acl is_read method GET HEAD OPTIONS
$(region_acls)
$(choose_write_region)
$(choose_read_region)
  use_backend to-%[var(proc.read_region)] if is_read
  use_backend to-%[var(proc.write_region)]

# These two only know who is ready; no request goes through them. A server that goes down keeps its connections: a write that
# is held during a planned switchover must be answered, and one that hangs in a lost region ends by \`timeout server\`.
backend write-ready
  option httpchk
  http-check send meth GET uri /readyz?for=writes&wait-ms=1000 ver HTTP/1.1 hdr host app
  http-check expect status 200
  timeout check 2s
$(write_checkers)

backend read-ready
  option httpchk
  http-check send meth GET uri /readyz ver HTTP/1.1 hdr host app
  http-check expect status 200
  timeout check 500ms
$(read_checkers)

backend read-stale
  option httpchk
  http-check send meth GET uri /readyz ver HTTP/1.1 hdr host app
  http-check expect status 200,203
  timeout check 500ms
$(stale_read_checkers)

# Requests go through these. They have no checks, so that a request can always be sent somewhere.
$(forward_backends)
END
exec haproxy -db -f /tmp/haproxy.cfg
