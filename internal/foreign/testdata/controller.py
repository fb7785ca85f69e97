#!/usr/bin/env python3
"""A controller in Python's standard library alone: it evens a crooked cluster out, helps
copies whose retries are used up, and switches allocation on that somebody forgot.

    shardquake run FILE --controller-cmd 'python3 controller.py {url}' --step 5s
"""
import json
import sys
import time
import urllib.error
import urllib.request

ES = sys.argv[1]
EVERY = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0  # seconds; 0: stepped time moves by itself


def call(method, path, body=None):
    """One request; None where nobody answered in time or the answer was an error."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ES + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None


def setting(key, value):
    """Sets a persistent setting of the cluster, where it differs."""
    settings = call("GET", "/_cluster/settings?flat_settings=true")
    if settings is None or settings["persistent"].get(key) == value:
        return
    call("PUT", "/_cluster/settings", {"persistent": {key: value}})


def look_after():
    """One round."""
    health = call("GET", "/_cluster/health")
    if health is None:
        return
    if health["unassigned_shards"] > 0:
        if health["delayed_unassigned_shards"] < health["unassigned_shards"]:
            setting("cluster.routing.allocation.enable", "all")
            call("POST", "/_cluster/reroute?retry_failed=true&metric=none", {})
        return
    nodes = call("GET", "/_cat/allocation?format=json&h=node,shards")
    counts = [int(n["shards"]) for n in nodes or [] if n["node"] != "UNASSIGNED"]
    if counts and max(counts) - min(counts) > 2:
        setting("cluster.routing.rebalance.enable", "all")


while True:
    look_after()
    time.sleep(EVERY)
