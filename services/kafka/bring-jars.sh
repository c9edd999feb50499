#!/bin/sh
# At image build: fetches the jars into the folder $1, and fails unless they are exactly those of jars.lock.
# Whatever CA the host trusts for its downloads is trusted here too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bundle=$here/ca/bundle.pem
if [ -f "$bundle" ]; then
  # One file for each certificate is what update-ca-certificates takes; its hook brings all of them into Java's store in one JVM.
  awk -v folder=/usr/local/share/ca-certificates '
    { sub(/\r$/, "") }
    /^-----BEGIN CERTIFICATE-----$/ { file = folder "/host-" ++count ".crt" }
    file != "" { print > file }
    /^-----END CERTIFICATE-----$/ { close(file); file = "" }' "$bundle"
  update-ca-certificates 2>&1 | tail -n 3
fi
"$here/fetch-jars.sh" "$1" 2>&1 > /tmp/fetched.lock || {
  echo 'Maven could not fetch the jars: check that its repository can be reached, or name the root of a mirror with FIREDRILL_MAVEN'
  exit 1
}
diff "$here/jars.lock" /tmp/fetched.lock || {
  echo 'the jars fetched (>) are not those of jars.lock (<): after a change of pom.xml run services/kafka/renew-lock.sh'
  exit 1
}
rm -rf /root/.m2
