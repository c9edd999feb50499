#!/bin/sh
# Starts this region's member. A member that finds its data rejoins as itself; the initial cluster counts on first start only.
set -eu
: "${FIREDRILL_SITE:?expected the region (a, b or c) of this etcd member, saw nothing; set FIREDRILL_SITE}"
data=/var/lib/firedrill/etcd
mkdir -p "$data"
chmod 700 "$data"
# Small heap, one thread for Go: the whole store is a few hundred bytes.
export GOMAXPROCS="${GOMAXPROCS:-1}" GOMEMLIMIT="${GOMEMLIMIT:-48MiB}"
# Peers are known by name, since a member has another address as seen from each site.
# Election 1000 ms and heartbeat 100 ms suit 80 ms between regions; a killed leader is replaced in 1 to 2 s.
exec etcd \
  --name "$FIREDRILL_SITE" \
  --data-dir "$data" \
  --listen-client-urls http://0.0.0.0:2379 \
  --advertise-client-urls "http://etcd.$FIREDRILL_SITE:2379" \
  --listen-peer-urls http://0.0.0.0:2380 \
  --initial-advertise-peer-urls "http://etcd.$FIREDRILL_SITE:2380" \
  --initial-cluster a=http://etcd.a:2380,b=http://etcd.b:2380,c=http://etcd.c:2380 \
  --initial-cluster-token "firedrill-${FIREDRILL_WORLD:-default}" \
  --initial-cluster-state new \
  --heartbeat-interval 100 \
  --election-timeout 1000 \
  --pre-vote \
  --snapshot-count 1000 \
  --max-snapshots 2 \
  --max-wals 2 \
  --quota-backend-bytes 67108864 \
  --auto-compaction-mode revision \
  --auto-compaction-retention 1000 \
  --log-level warn
