#!/bin/sh
# Writes jars.lock anew from what Maven makes of pom.xml. Run it after a version there has changed; it needs mvn.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/fetch-jars.sh" "$work/jars" > "$work/jars.lock"
cp "$work/jars.lock" "$here/jars.lock"
echo "$(wc -l < "$here/jars.lock") jars in $here/jars.lock" >&2
