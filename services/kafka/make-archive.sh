#!/bin/sh
# At image build: formats a data directory, and runs the broker once so that its classes go into a CDS archive.
set -eu
cd /tmp
mkdir -p /var/lib/firedrill/kafka
# One id for all: a cluster that is made anew is told from its predecessor by the ids of its topics.
sed 's|^log.dirs=.*|log.dirs=/opt/kafka/formatted|' /opt/kafka/server.properties > /tmp/format.properties
echo 'advertised.listeners=CLIENT://127.0.0.1:9092' >> /tmp/format.properties
/opt/kafka/jvm.sh kafka.tools.StorageTool format -t ZmlyZWRyaWxsLWthZmthLQ -c /tmp/format.properties
export ARCHIVE_OPTION=-XX:ArchiveClassesAtExit=/tmp/classes.jsa
FIREDRILL_KAFKA_ADVERTISED=127.0.0.1:9092 /opt/kafka/start.sh > /tmp/training.log 2>&1 &
broker=$!
for _ in $(seq 1 120); do
  grep -q 'Kafka Server started' /tmp/training.log && break
  kill -0 "$broker" 2>/dev/null || break
  sleep 0.5
done
grep -q 'Kafka Server started' /tmp/training.log || { cat /tmp/training.log; exit 1; }
unset ARCHIVE_OPTION
# Topics are made and read back in the training run too: their classes are wanted at each start.
/opt/kafka/jvm.sh kafka.tools.StorageTool info -c /tmp/format.properties > /dev/null || true
kill -TERM "$broker"
wait "$broker" || true
mv /tmp/classes.jsa /opt/kafka/classes.jsa
rm -rf /var/lib/firedrill/kafka/* /tmp/*
