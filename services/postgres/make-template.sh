#!/bin/sh
# Makes the empty cluster in $1. One cluster for all nodes: they are then copies of one base backup, with one system identifier.
set -eu
template=$1
bin=/usr/lib/postgresql/17/bin
sockets=$(mktemp -d)
# Small segments: a follower that is attached takes the WAL from the beginning of its segment once more.
"$bin/initdb" --pgdata="$template" --username=agent --auth=trust --encoding=UTF8 --locale-provider=builtin \
  --builtin-locale=C.UTF-8 --locale=C.UTF-8 --data-checksums --wal-segsize=1 --no-sync --no-instructions
# The server's own settings live outside the cluster: neither pg_rewind nor a base backup can then bring another node's.
: > "$template/postgresql.conf"
"$bin/pg_ctl" --pgdata="$template" --wait --silent \
  --options="--config-file=/etc/firedrill/postgresql.conf -c data_directory=$template -c hba_file=$template/pg_hba.conf \
    -c ident_file=$template/pg_ident.conf -c listen_addresses= -c unix_socket_directories=$sockets -c fsync=off" start
"$bin/psql" --host="$sockets" --username=agent --dbname=postgres --quiet --set=ON_ERROR_STOP=1 \
  --file=/etc/firedrill/schema.sql
"$bin/pg_ctl" --pgdata="$template" --wait --silent --mode=fast stop
rm -rf "$sockets"
