#!/bin/sh
# Starts the region's broker: lays out an empty data directory at the first start, then becomes the JVM (PID 1).
# The advertised name is kafka.<site>; FIREDRILL_KAFKA_ADVERTISED replaces it (host:port) where a world has other addresses.
set -eu
data=/var/lib/firedrill/kafka
if [ ! -d "$data/data" ]; then
  rm -rf "$data/data.new"
  cp -a /opt/kafka/formatted "$data/data.new"
  mv "$data/data.new" "$data/data"
fi
rm -f "$data/data/.lock"
advertised=${FIREDRILL_KAFKA_ADVERTISED:-kafka.${FIREDRILL_SITE:?expected the name of the region}:9092}
{
  cat /opt/kafka/server.properties
  echo "advertised.listeners=CLIENT://$advertised"
} > /tmp/server.properties
exec /opt/kafka/jvm.sh kafka.Kafka /tmp/server.properties
