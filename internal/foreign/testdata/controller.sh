#!/bin/sh
# A controller in a few lines of shell: while fewer copies are where they should be than
# could be, it lets Elasticsearch move them. Its only argument is the cluster's address.
#
#   shardquake run uneven.yaml --controller-cmd 'sh controller.sh {url}' --step 5s
es=$1
while curl -sf "$es/_cluster/health" >/dev/null; do
  enabled=$(curl -sf "$es/_cluster/settings?flat_settings=true" | grep -c '"cluster.routing.rebalance.enable":"all"')
  if [ "$enabled" -eq 0 ]; then
    curl -sf -X PUT "$es/_cluster/settings" -H 'Content-Type: application/json' \
      -d '{"persistent":{"cluster.routing.rebalance.enable":"all"}}' >/dev/null
  fi
done
