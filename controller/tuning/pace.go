package tuning

import (
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/internal/units"
)

// The settings that make the pace.
const (
	bytesKey  = "indices.recovery.max_bytes_per_sec"
	copiesKey = "cluster.routing.allocation.node_concurrent_recoveries"
)

// normal is the level at which the settings are as they were found.
const normal = 2

// level is a pace: a part of the bytes per second found, and copies at once.
type level struct {
	num, den int64
	copies   int
}

// levels from slowest to fastest.
func levels() []level {
	return []level{{1, 4, 1}, {1, 2, 1}, {1, 1, 2}, {2, 1, 3}, {4, 1, 4}}
}

// base is the pace that was found.
type base struct {
	bytes  int64 // per second; 0 unlimited
	copies int
	raw    [2]string // as they were written: bytes, copies
}

const (
	// defaultBytes stands for the normal limit where there is none.
	defaultBytes = 40 << 20
	// leastBytes a second are let through at the slowest.
	leastBytes    = 1 << 20
	defaultCopies = 2
)

// readBase reads the settings in force. What can't be read counts as Elasticsearch's
// default.
func readBase(now controller.SettingsInForce) base {
	b := base{bytes: defaultBytes, copies: defaultCopies, raw: [2]string{now.Effective(bytesKey), now.Effective(copiesKey)}}
	text := strings.ToLower(strings.TrimSpace(b.raw[0]))
	if size, err := units.ParseSize(text); err == nil {
		b.bytes = int64(size)
	} else if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		b.bytes = max(n, 0) // "0" and "-1": no limit
	}
	if n, err := strconv.Atoi(b.raw[1]); err == nil && n > 0 {
		b.copies = n
	}
	return b
}

// at is what the settings are at a level. A setting that somebody had made faster or
// slower than the default stays so in proportion.
func (b base) at(i int) []controller.Setting {
	if i == normal {
		return []controller.Setting{{Key: bytesKey, Value: b.raw[0]}, {Key: copiesKey, Value: b.raw[1]}}
	}
	l := levels()[i]
	from := b.bytes
	if from == 0 {
		from = defaultBytes
	}
	bytes := strconv.FormatInt(max(leastBytes, from*l.num/l.den), 10) + "b"
	if b.bytes == 0 && i > normal {
		bytes = b.raw[0] // nothing is faster than no limit
	}
	copies := l.copies
	if i > normal {
		copies = max(b.copies, b.copies+l.copies-defaultCopies)
	}
	return []controller.Setting{{Key: bytesKey, Value: bytes}, {Key: copiesKey, Value: strconv.Itoa(copies)}}
}
