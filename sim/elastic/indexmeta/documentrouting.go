package indexmeta

import (
	"math/bits"
	"unicode/utf16"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// ShardFor is the shard that a document belongs to
// (org.elasticsearch.cluster.routing.IndexRouting): the hash of its routing value, or
// of its id, folded into the index's routing shards.
func ShardFor(meta *state.Index, id, routing string) int {
	key, offset := id, 0
	if routing != "" {
		key = routing
		if n := settings.IndexRoutingPartition.Get(meta.Settings); n > 1 {
			offset = FloorMod(int(RoutingHash(id)), n)
		}
	}
	n := settings.RoutingShards(meta.Settings)
	return FloorMod(int(RoutingHash(key))+offset, n) / (n / meta.Shards)
}

// ShardsFor are the shards that hold what was written with a routing value: one, or those
// over which index.routing_partition_size spreads it.
func ShardsFor(meta *state.Index, routing string) []int {
	parts := settings.IndexRoutingPartition.Get(meta.Settings)
	n := settings.RoutingShards(meta.Settings)
	out := make([]int, 0, parts)
	for offset := range parts {
		out = append(out, FloorMod(int(RoutingHash(routing))+offset, n)/(n/meta.Shards))
	}
	return out
}

func FloorMod(a, n int) int {
	m := a % n
	if m < 0 {
		m += n
	}
	return m
}

// RoutingHash is Murmur3HashFunction.hash: MurmurHash3 (x86, 32 bit, seed 0) of the
// text's UTF-16 code units, low byte first.
func RoutingHash(text string) int32 {
	units := utf16.Encode([]rune(text))
	data := make([]byte, 0, 2*len(units))
	for _, u := range units {
		data = append(data, byte(u), byte(u>>8))
	}
	return murmur3(data)
}

func murmur3(data []byte) int32 {
	const c1, c2 uint32 = 0xcc9e2d51, 0x1b873593
	var h uint32
	n := len(data)
	for len(data) >= 4 {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		h ^= bits.RotateLeft32(k*c1, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
		data = data[4:]
	}
	var k uint32
	switch len(data) {
	case 3:
		k ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		k ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		k ^= uint32(data[0])
		h ^= bits.RotateLeft32(k*c1, 15) * c2
	}
	h ^= uint32(n)
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	h ^= h >> 16
	return int32(h)
}
