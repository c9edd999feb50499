#!/bin/sh
# Resolves pom.xml with Maven and writes jars.lock anew: one JSON object per jar (path in a Maven repository, sha256, bytes).
# Run it after a version in pom.xml has changed; it needs mvn and a JDK, which the build itself never does.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
jars=$(mktemp -d)
trap 'rm -rf "$jars"' EXIT
mvn -q -B -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
  -DincludeScope=runtime -DoutputDirectory="$jars" -Dmdep.useRepositoryLayout=true >&2
cd "$jars"
find . -name '*.jar' | sed 's|^\./||' | LC_ALL=C sort | while read -r path; do
  printf '{"path":"%s","sha256":"%s","bytes":%s}\n' "$path" "$(sha256sum "$path" | cut -d' ' -f1)" "$(stat -c %s "$path")"
done > "$here/jars.lock"
echo "$(wc -l < "$here/jars.lock") jars in $here/jars.lock" >&2
