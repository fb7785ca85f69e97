#!/bin/sh
# A controller in a few lines of shell: while fewer copies are where they should be than
# could be, it lets Elasticsearch move them. Its arguments are the cluster's address and how
# many seconds it waits between two looks (none by default, for stepped time).
#
#   shardquake run uneven.yaml --controller-cmd 'sh controller.sh {url}' --step 5s
#   shardquake run uneven.yaml --controller-cmd 'sh controller.sh {url} 2' --backend real
es=$1 pause=${2:-0}
while curl -sf "$es/_cluster/health" >/dev/null; do
  enabled=$(curl -sf "$es/_cluster/settings?flat_settings=true" | grep -c '"cluster.routing.rebalance.enable":"all"')
  if [ "$enabled" -eq 0 ]; then
    curl -sf -X PUT "$es/_cluster/settings" -H 'Content-Type: application/json' \
      -d '{"persistent":{"cluster.routing.rebalance.enable":"all"}}' >/dev/null
  fi
  sleep "$pause"
done
