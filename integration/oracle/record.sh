#!/usr/bin/env bash
# Records what Elasticsearch's own allocators decide on random states, and verifies the model against that.
#
#   record.sh [CASES [SEED [-huge]]]    CASES of each of eight families (default 50), every other one bold
#
# Needs a JDK of version 17 and Maven; the server's jars come from Maven Central once. Leaves drawn.jsonl and
# recorded.jsonl in build/, and exits with 1 when a decision differs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$here/build
cases=${1:-50}
seed=${2:-1}
huge=${3:-}

for tool in javac java mvn; do
  command -v "$tool" >/dev/null || {
    echo "record: $tool is missing (Debian: apt-get install openjdk-17-jdk-headless maven)" >&2
    exit 1
  }
done
mkdir -p "$build/classes"
if [ ! -e "$build/jars/complete" ]; then
  echo "record: the server's jars" >&2
  mvn -q -B -ntp -Dstyle.color=never -f "$here/../images/elasticsearch/pom.xml" dependency:copy-dependencies -DoutputDirectory="$build/jars"
  touch "$build/jars/complete"
fi
javac --release 17 -cp "$build/jars/*" -d "$build/classes" "$here"/java/*.java

cd "$here/../.."
# shellcheck disable=SC2086 # an empty option must vanish
go run ./integration/oracle/cmd/draw -cases "$cases" -seed "$seed" $huge >"$build/drawn.jsonl"
java -Xmx2g -XX:+UseSerialGC -Dhppc.bitmixer=deterministic -Dlog4j2.level=OFF -cp "$build/jars/*:$build/classes" Recorder \
  <"$build/drawn.jsonl" >"$build/recorded.jsonl"
go run ./cmd/shardquake allocate --verify "$build/recorded.jsonl"
