#!/usr/bin/env bash
# Installs the command from this repository's last commit the way a stranger would, with
# go install …@latest, through a module proxy that is a folder; what the module needs comes
# from the local module cache. Prints what the installed command says of itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
module=$(sed -n 's/^module //p' go.mod)
version=${1:-v0.0.1-try}
work=$(mktemp -d)
modules=$(go env GOMODCACHE)
cache=$modules/cache/download
# Nothing of the trial stays in the module cache, also of one that failed.
clean() { rm -rf "$modules/$module@$version" "$cache/$module"; }
clean
trap 'clean; rm -rf "$work"' EXIT
at=$work/proxy/$module/@v
mkdir -p "$at"
git show HEAD:go.mod > "$at/$version.mod"
# A module's zip leaves out the folders that are modules of their own, as a proxy's does.
nested=()
while read -r mod; do nested+=(":(exclude)${mod%/go.mod}"); done < <(git ls-tree -r --name-only HEAD | grep '/go\.mod$')
git archive --format=zip --prefix="$module@$version/" -o "$at/$version.zip" HEAD -- . "${nested[@]}"
printf '{"Version":"%s","Time":"%s"}\n' "$version" "$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)" | tee "$at/$version.info" > "$work/proxy/$module/@latest"
echo "$version" > "$at/list"
export GOPROXY="file://$work/proxy,file://$cache" GONOSUMDB='*' GOFLAGS=-modcacherw GOBIN="$work/bin"
export GONOPROXY='' GOPRIVATE=''
(cd "$work" && go install "$module/cmd/shardquake@latest")
"$work/bin/shardquake" version | head -n 1
