#!/bin/sh
# The one place that knows the JVM's flags: the same ones for the run and for the making of the class archive.
set -eu
classpath=$(find /opt/kafka/libs -name '*.jar' | LC_ALL=C sort | paste -sd:)
archive=/opt/kafka/classes.jsa
if [ -f "$archive" ]; then share="-XX:SharedArchiveFile=$archive"; else share=${ARCHIVE_OPTION:-}; fi
# The archive lies where it was made for: moved elsewhere (the default), every page of it is written to and 45 MB are private.
exec java $share -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0 -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError \
  -Xms48m -Xmx160m -Xss256k -XX:ReservedCodeCacheSize=32m -XX:MaxDirectMemorySize=48m -XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=25 \
  -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties -Dlog4j2.disableJmx=true -Djava.awt.headless=true \
  -cp "$classpath" "$@"
