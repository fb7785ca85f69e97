"""A session of elasticsearch-py 8 with a simulated cluster that loses a node.

usage: session.py URL,URL,URL FAULT_COMMAND…   (the command injects its last argument)
"""
import subprocess
import sys
import time

from elasticsearch import BadRequestError, ConflictError, Elasticsearch, NotFoundError
from elasticsearch.helpers import bulk, scan

urls, fault = sys.argv[1].split(","), sys.argv[2:]
es = Elasticsearch(urls, request_timeout=30, retry_on_timeout=True, max_retries=5, http_compress=True)

assert es.info()["version"]["number"].startswith("8."), es.info()
es.indices.put_index_template(
    name="app", index_patterns=["app-*"],
    template={"settings": {"number_of_shards": 3, "number_of_replicas": 1}, "mappings": {"properties": {"k": {"type": "keyword"}}}},
)
es.indices.create(index="app-000001", aliases={"app": {"is_write_index": True}}, wait_for_active_shards="all")
ok, errors = bulk(es, ({"_index": "app", "_id": i, "k": f"k{i % 7}", "n": i} for i in range(2000)), chunk_size=500, refresh=True)
assert ok == 2000 and not errors, (ok, errors)
assert len(list(scan(es, index="app", query={"query": {"term": {"k": "k3"}}}, size=100))) == 286
found = es.search(index="app", size=0, aggs={"by": {"terms": {"field": "k", "size": 3}, "aggs": {"m": {"max": {"field": "n"}}}}})
assert [b["doc_count"] for b in found["aggregations"]["by"]["buckets"]] == [286, 286, 286], found
assert es.get(index="app", id="7")["_source"]["n"] == 7
assert es.mget(index="app", ids=["1", "2"])["docs"][1]["found"]
es.update(index="app", id="7", doc={"n": 70})
try:
    es.update(index="app", id="7", doc={"n": 71}, if_seq_no=10**6, if_primary_term=1)
    raise SystemExit("an update with another sequence number went through")
except ConflictError:
    pass
try:
    es.get(index="app", id="nope")
    raise SystemExit("a document that isn't there was found")
except NotFoundError:
    pass
try:
    es.search(index="app", query={"nope": {}})
    raise SystemExit("an unknown query was taken")
except BadRequestError:
    pass
assert es.indices.rollover(alias="app", conditions={"max_docs": 1000})["rolled_over"]

# Sniffing: the addresses that nodes publish answer.
sniffed = Elasticsearch(urls[:1], sniff_on_start=True)
assert len(list(sniffed.transport.node_pool.all())) == len(urls), list(sniffed.transport.node_pool.all())

# Copies of the new index that have not started yet could not take over.
assert es.cluster.health(wait_for_status="green", wait_for_no_initializing_shards=True, timeout="60s")["status"] == "green"
subprocess.run(fault + ["{node-loss: {node: n3}}"], check=True)
for _ in range(120):
    health = es.cluster.health()
    if health["number_of_nodes"] == len(urls) - 1:
        break
    time.sleep(0.25)
assert health["number_of_nodes"] == len(urls) - 1 and health["status"] in ("yellow", "green"), health
ok, errors = bulk(es, ({"_index": "app", "_id": f"x{i}", "k": "x", "n": i} for i in range(300)), refresh=True)
assert ok == 300 and not errors, (ok, errors)
assert es.count(index="app", query={"term": {"k": "x"}})["count"] == 300
assert es.count(index="app")["count"] == 2300
unassigned = [s for s in es.cat.shards(index="app*", format="json") if s["state"] == "UNASSIGNED"]
reasons = {s["unassigned.reason"] for s in es.cat.shards(index="app*", h="state,unassigned.reason", format="json") if s["state"] == "UNASSIGNED"}
assert not unassigned or reasons == {"NODE_LEFT"}, reasons
print("seen: a node left, nothing was lost")
