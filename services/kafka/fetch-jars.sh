#!/bin/sh
# Fetches what pom.xml resolves to into the folder $1, laid out like a Maven repository, and prints it as jars.lock states it:
# one JSON object per jar (path, sha256, bytes). Needs mvn. FIREDRILL_MAVEN names the root of a mirror instead of Maven Central.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
settings=$(mktemp)
trap 'rm -f "$settings"' EXIT

text() { printf '%s' "$1" | sed 's/&/\&amp;/g; s/</\&lt;/g'; }

# $1: the protocol of what is fetched, $2: the URL of the proxy for it, or nothing.
proxy() {
  [ -n "$2" ] || return 0
  address=${2#*://}
  address=${address%%/*}
  host=${address##*@}
  case $host in *:*) port=${host##*:} ;; *) port=80 ;; esac
  echo "<proxy><id>$1</id><protocol>$1</protocol><host>${host%:*}</host><port>$port</port>"
  case $address in
    *@*)
      login=${address%@*}
      echo "<username>$(text "${login%%:*}")</username><password>$(text "${login#*:}")</password>"
      ;;
  esac
  direct=${no_proxy:-${NO_PROXY:-}}
  echo "<nonProxyHosts>$(text "$direct" | tr -d ' ' | tr ',' '\n' | sed 's/^\./*./' | paste -sd '|' -)</nonProxyHosts></proxy>"
}

# Maven takes no notice of the variables that name proxies. Settings of the user are not read: they are not there in a build.
{
  echo '<settings><proxies>'
  proxy https "${https_proxy:-${HTTPS_PROXY:-}}"
  proxy http "${http_proxy:-${HTTP_PROXY:-}}"
  echo '</proxies><mirrors>'
  [ -z "${FIREDRILL_MAVEN:-}" ] ||
    echo "<mirror><id>mirror</id><mirrorOf>*</mirrorOf><url>$(text "$FIREDRILL_MAVEN")</url></mirror>"
  echo '</mirrors></settings>'
} > "$settings"

# A server that says nothing would be waited for for half an hour.
mvn -B -ntp -f "$here/pom.xml" -s "$settings" -Daether.connector.requestTimeout=60000 \
  org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
  -DincludeScope=runtime -DoutputDirectory="$1" -Dmdep.useRepositoryLayout=true >&2
cd "$1"
# Maven's notes about where the jars come from, and when.
find . \( -name _remote.repositories -o -name 'maven-metadata-*.xml' \) -delete
find . -name '*.jar' | sed 's|^\./||' | LC_ALL=C sort | while read -r path; do
  printf '{"path":"%s","sha256":"%s","bytes":%s}\n' "$path" "$(sha256sum "$path" | cut -d' ' -f1)" "$(stat -c %s "$path")"
done
