// A session of the JavaScript client 8 with a simulated cluster.
// usage: node session.mjs URL,URL,URL
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
const { Client } = createRequire(process.cwd() + '/')('@elastic/elasticsearch')

const client = new Client({ nodes: process.argv[2].split(','), compression: true })
assert.match((await client.info()).version.number, /^8\./)
await client.indices.create({ index: 'js', mappings: { properties: { k: { type: 'keyword' } } }, wait_for_active_shards: 'all' })
assert.equal(await client.indices.exists({ index: 'js' }), true)
const done = await client.helpers.bulk({
  datasource: Array.from({ length: 500 }, (_, i) => ({ k: 'k' + (i % 5), n: i })),
  onDocument: () => ({ index: { _index: 'js' } }),
  refreshOnCompletion: true
})
assert.equal(done.failed, 0)
const found = await client.search({ index: 'js', query: { term: { k: 'k1' } }, aggs: { m: { max: { field: 'n' } } }, size: 3, sort: [{ n: 'desc' }] })
assert.equal(found.hits.total.value, 100)
assert.equal(found.aggregations.m.value, 496)
assert.deepEqual(found.hits.hits.map(h => h._source.n), [496, 491, 486])
let seen = 0
for await (const page of client.helpers.scrollSearch({ index: 'js', size: 120 })) seen += page.documents.length
assert.equal(seen, 500)
assert.match(await client.cat.shards({ index: 'js', h: 'state' }), /STARTED/)
await assert.rejects(client.get({ index: 'js', id: 'nope' }), e => e.statusCode === 404)
await client.indices.delete({ index: 'js' })
console.log('seen: 500 documents, 100 of k1')
