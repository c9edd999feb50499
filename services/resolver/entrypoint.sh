#!/bin/sh
# Writes unbound's configuration for one client area and becomes unbound. The names dns.<region> stand in /etc/hosts.
# Environment: FIREDRILL_SERVE_EXPIRED (yes or no, default no: RFC 8767, answer from expired data while no server answers).
set -eu

case "${FIREDRILL_SERVE_EXPIRED:=no}" in
  yes | no) ;;
  *)
    echo "environment variable FIREDRILL_SERVE_EXPIRED: expected yes or no, saw '$FIREDRILL_SERVE_EXPIRED'; set it to one of them" >&2
    exit 3
    ;;
esac

servers() {
  for region in a b c; do
    address=$(awk -v name="dns.$region" '$1 !~ /:/ { for (i = 2; i <= NF; i++) if ($i == name) { print $1; exit } }' /etc/hosts)
    if [ -z "$address" ]; then
      echo "/etc/hosts: expected an address of dns.$region, saw none; give the container an extra_hosts entry for it" >&2
      exit 3
    fi
    echo "  stub-addr: $address"
  done
}
stub_addresses=$(servers)

cat >/tmp/unbound.conf <<END
server:
  interface: 0.0.0.0
  port: 53
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "/tmp"
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 0
  do-ip6: no
  # Small: the zone has a handful of names.
  num-threads: 1
  msg-cache-size: 64k
  rrset-cache-size: 128k
  key-cache-size: 16k
  neg-cache-size: 16k
  infra-cache-numhosts: 100
  outgoing-range: 64
  num-queries-per-thread: 64
  incoming-num-tcp: 8
  outgoing-num-tcp: 8
  # The zone is not signed and there is no root to ask: everything else is refused. unbound itself would answer
  # NXDOMAIN for all of "test." (RFC 6761).
  module-config: "iterator"
  local-zone: "." refuse
  local-zone: "firedrill.test." transparent
  # The TTL is obeyed as it is given.
  cache-min-ttl: 0
  cache-max-negative-ttl: 5
  serve-expired: $FIREDRILL_SERVE_EXPIRED
  # A server that has become silent is left at once for another, and is tried again soon.
  unknown-server-time-limit: 200
  infra-cache-min-rtt: 50
  infra-host-ttl: 10
  infra-keep-probing: yes
  # Nearly always the nearest server.
  fast-server-permil: 950
  fast-server-num: 1
  outbound-msg-retry: 6
  # Answers are small and we own the zone: ask for what is needed only.
  qname-minimisation: no
  minimal-responses: yes
  target-fetch-policy: "0 0 0 0 0"
stub-zone:
  name: "firedrill.test."
  stub-no-cache: no
  stub-tcp-upstream: no
$stub_addresses
remote-control:
  control-enable: no
END
exec unbound -d -p -c /tmp/unbound.conf
