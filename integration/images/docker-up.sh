#!/usr/bin/env bash
# Makes a Docker daemon answer on this machine, or says precisely why it will not.
#
#   docker-up.sh            exit 0: a daemon answers; exit 3: it does not, and the last lines hold its own error
#
# A daemon that answers already is left alone. Otherwise what is missing is installed (Debian and root only) and dockerd
# is started in a session of its own: machines without a service manager have nobody else to do it. It stays up when
# this script ends. SHARDQUAKE_DOCKER_LOG names the daemon's log.
set -uo pipefail

log=${SHARDQUAKE_DOCKER_LOG:-/var/log/shardquake-dockerd.log}
wait_seconds=${SHARDQUAKE_DOCKER_WAIT:-60}

say() { printf 'docker-up: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 3
}
answers() { docker info >/dev/null 2>&1; }

install_missing() {
  local missing=()
  command -v dockerd >/dev/null || missing+=(docker.io)
  command -v docker >/dev/null || missing+=(docker.io)
  command -v iptables >/dev/null || missing+=(iptables)
  command -v ip >/dev/null || missing+=(iproute2)
  [ ${#missing[@]} -eq 0 ] && return
  [ "$(id -u)" -eq 0 ] || fail "missing: ${missing[*]}; install Docker, or run this as root"
  command -v apt-get >/dev/null || fail "missing: ${missing[*]}; this is no Debian, install Docker by hand"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # A fresh machine may still be busy installing something: wait for its lock.
  apt-get -o DPkg::Lock::Timeout=300 update -qq >"$log" 2>&1 || say "apt-get update: $(tail -n 1 "$log")"
  apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >>"$log" 2>&1 </dev/null ||
    fail "apt-get install ${missing[*]} failed: $(tail -n 3 "$log")"
}

# Where no service manager set the machine up, the cgroup hierarchies may not be mounted either.
mount_cgroups() {
  [ -d /sys/fs/cgroup ] || return 0
  mountpoint -q /sys/fs/cgroup || mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup 2>/dev/null || return 0
  [ -e /sys/fs/cgroup/cgroup.controllers ] && return 0
  local name enabled
  while read -r name _ _ enabled; do
    [ "$name" = "#subsys_name" ] || [ "$enabled" != 1 ] && continue
    mkdir -p "/sys/fs/cgroup/$name"
    mountpoint -q "/sys/fs/cgroup/$name" || mount -t cgroup -o "$name" "$name" "/sys/fs/cgroup/$name" 2>/dev/null || true
  done </proc/cgroups
}

# Starts dockerd with the given options; returns 1 when it exits or stays silent.
try_dockerd() {
  rm -f /var/run/docker.pid
  setsid dockerd "$@" >"$log" 2>&1 </dev/null &
  local pid=$! deadline=$((SECONDS + wait_seconds))
  while [ "$SECONDS" -lt "$deadline" ]; do
    answers && return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.5
  done
  kill "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  return 1
}

answers && exit 0
install_missing
answers && exit 0
[ "$(id -u)" -eq 0 ] || fail "no daemon answers ($(docker info 2>&1 | grep -im1 -e error -e cannot)) and only root can start one"
mount_cgroups
# The plain start first; then without what a sandbox's kernel most often lacks (overlay mounts, netfilter).
for options in "" "--storage-driver=vfs" "--storage-driver=vfs --iptables=false --ip6tables=false"; do
  # shellcheck disable=SC2086 # the options are words
  if try_dockerd $options; then
    say "started dockerd ${options:+with $options }(log: $log)"
    exit 0
  fi
  error=$(grep -iE 'level=(error|fatal)|failed|error' "$log" | tail -n 3)
  say "dockerd ${options:-without options} did not start: ${error:-$(tail -n 3 "$log")}"
done
fail "the Docker daemon does not start on this machine: ${error:-$(tail -n 3 "$log")}"
