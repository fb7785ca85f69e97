#!/usr/bin/env bash
# Assembles the images that a real run needs where no image registry can be reached: an Elasticsearch node from the
# jars on Maven Central on a Debian root file system, and the toxiproxy server from its Go module.
#
#   build.sh            builds what is missing (about a minute and a half), prints the settings to use
#   build.sh --force    builds both anew
#
# Needs root (debootstrap) on a Debian-like machine; installs debootstrap, Maven and a JDK when they are missing.
# Mirrors come from the machine's own configuration of apt, Maven and Go.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
es_version=8.19.0
toxiproxy_version=2.12.0
es_image=shardquake/elasticsearch:$es_version-local
toxiproxy_image=shardquake/toxiproxy:$toxiproxy_version-local
suite=bookworm
# The recipe is part of the label: a change to these files makes an older image stale.
recipe=$(cat "$here"/elasticsearch/* "$here/build.sh" | sha256sum | cut -c1-16)

say() { printf 'build: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

work=
cleanup() { [ -z "$work" ] || rm -rf --one-file-system "$work"; }
trap cleanup EXIT

image_is_current() {
  [ "$(docker image inspect -f '{{index .Config.Labels "org.shardquake.recipe"}}' "$1" 2>/dev/null)" = "$recipe" ]
}

# run LABEL COMMAND…: silent unless it fails, then the end of its output is the error.
run() {
  local label=$1
  shift
  "$@" >"$work/log" 2>&1 </dev/null || {
    tail -n 20 "$work/log" >&2
    fail "$label failed"
  }
}

install_missing() {
  local missing=()
  command -v debootstrap >/dev/null || missing+=(debootstrap)
  command -v mvn >/dev/null || missing+=(maven)
  command -v javac >/dev/null || missing+=(openjdk-17-jdk-headless)
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || fail "missing: ${missing[*]}"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # A fresh machine may still be busy installing something: wait for its lock.
  run "apt-get update" apt-get -o DPkg::Lock::Timeout=300 update -qq
  run "apt-get install" apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}"
}

# The Debian mirror this machine uses already, empty (debootstrap's own default) when it is no Debian.
debian_mirror() {
  # shellcheck disable=SC2016 # apt expands it
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Codename: $suite" 2>/dev/null |
    head -n 1
}

build_root() {
  local root=$1 mirror
  mirror=$(debian_mirror)
  say "Debian root file system"
  # shellcheck disable=SC2086 # an empty mirror must vanish
  run debootstrap debootstrap --variant=minbase --include=openjdk-17-jre-headless,curl,iproute2 "$suite" "$root" $mirror
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale,info} "$root"/etc/apt/sources.list
}

build_home() {
  local home=$1 jars=$work/jars module=$1/modules/transport-netty4
  say "Elasticsearch $es_version from Maven Central"
  run "mvn dependency:copy-dependencies" mvn -q -B -ntp -f "$here/elasticsearch/pom.xml" \
    dependency:copy-dependencies -DoutputDirectory="$jars"
  mkdir -p "$home"/{lib,config,plugins,logs,data,launcher} "$module"
  mv "$jars"/netty-*.jar "$jars"/transport-netty4-*.jar "$module"/
  mv "$jars"/*.jar "$home/lib"/
  (cd "$work" && jar xf "$module"/transport-netty4-*.jar META-INF/es-plugins/transport-netty4)
  cp "$work"/META-INF/es-plugins/transport-netty4/* "$module"/
  cp "$here"/elasticsearch/{elasticsearch.yml,log4j2.properties} "$home/config"/
  install -m 0755 "$here/elasticsearch/entrypoint.sh" "$home/entrypoint.sh"
  run javac javac --release 17 -cp "$home/lib/*" -d "$home/launcher" "$here/elasticsearch/Launcher.java"
}

# drop_replaced ID IMAGE: removes what the tag pointed to before, unless something uses it.
drop_replaced() {
  [ -z "$1" ] || [ "$1" = "$(docker image inspect -f '{{.Id}}' "$2")" ] || docker image rm "$1" >/dev/null 2>&1 || true
}

build_elasticsearch() {
  local root=$work/root home=$work/root/usr/share/elasticsearch replaced
  replaced=$(docker image inspect -f '{{.Id}}' "$es_image" 2>/dev/null || true)
  build_root "$root"
  mkdir -p "$home"
  build_home "$home"
  printf 'elasticsearch:x:1000:0::/usr/share/elasticsearch:/bin/bash\n' >>"$root/etc/passwd"
  chown -R 1000:0 "$home"
  say "importing $es_image"
  tar -C "$root" --one-file-system --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -c . |
    docker import \
      --change 'ENTRYPOINT ["/usr/share/elasticsearch/entrypoint.sh"]' \
      --change 'USER 1000:0' --change 'WORKDIR /usr/share/elasticsearch' --change 'EXPOSE 9200 9300' \
      --change "LABEL org.shardquake.image=elasticsearch-local" --change "LABEL org.shardquake.recipe=$recipe" \
      - "$es_image" >/dev/null
  drop_replaced "$replaced" "$es_image"
}

build_toxiproxy() {
  local root=$work/toxiproxy replaced
  replaced=$(docker image inspect -f '{{.Id}}' "$toxiproxy_image" 2>/dev/null || true)
  say "toxiproxy $toxiproxy_version from its Go module"
  mkdir -p "$root"
  run "go install toxiproxy" env CGO_ENABLED=0 GOBIN="$root" GOFLAGS= \
    go install -ldflags "-s -w -X github.com/Shopify/toxiproxy/v2.Version=$toxiproxy_version" \
    "github.com/Shopify/toxiproxy/v2/cmd/server@v$toxiproxy_version"
  mv "$root/server" "$root/toxiproxy"
  say "importing $toxiproxy_image"
  tar -C "$root" -c toxiproxy |
    docker import --change 'ENTRYPOINT ["/toxiproxy"]' --change 'CMD ["-host=0.0.0.0"]' --change 'EXPOSE 8474' \
      --change "LABEL org.shardquake.image=toxiproxy-local" --change "LABEL org.shardquake.recipe=$recipe" \
      - "$toxiproxy_image" >/dev/null
  drop_replaced "$replaced" "$toxiproxy_image"
}

"$here/docker-up.sh" || exit $?
force=${1:-}
work=$(mktemp -d)
if [ "$force" = --force ] || ! image_is_current "$toxiproxy_image"; then
  build_toxiproxy
fi
if [ "$force" = --force ] || ! image_is_current "$es_image"; then
  [ "$(id -u)" -eq 0 ] || fail "debootstrap needs root"
  install_missing
  build_elasticsearch
fi
printf 'SHARDQUAKE_ES_IMAGE=%s\nSHARDQUAKE_TOXIPROXY_IMAGE=%s\n' "$es_image" "$toxiproxy_image"
