package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheTimeThatIsLeftIsThatOfTheStage(t *testing.T) {
	at := func(stage string, bytes, ops, opsTotal int64) []ShardRecovery {
		return []ShardRecovery{{
			Index: "logs", Type: "PEER", Source: "n1", Target: "n2", Stage: stage, Elapsed: time.Minute,
			BytesTotal: 1000, BytesRecovered: bytes, OpsTotal: opsTotal, OpsRecovered: ops,
		}}
	}
	var w recoveryWatch
	for i, c := range []struct {
		why  string
		seen []ShardRecovery
		want time.Duration
	}{
		{"nothing was copied yet", at("init", 0, 0, -1), -1},
		{"500 bytes in 10 s", at("index", 500, 0, -1), 10 * time.Second},
		{"how many operations there are is not known yet", at("translog", 1000, 0, -1), -1},
		{"40 of 100 operations in 10 s, though every byte is there", at("translog", 1000, 40, 100), 15 * time.Second},
		{"none in 10 s", at("translog", 1000, 40, 100), -1},
		{"all", at("translog", 1000, 100, 100), 0},
		{"nothing is left to copy or replay", at("finalize", 1000, 100, 100), 0},
	} {
		got := w.update(time.Duration(i)*10*time.Second, c.seen)
		assert.Equal(t, c.want, got[0].Remaining, c.why)
		if c.want == 15*time.Second {
			assert.InDelta(t, 4, got[0].OpsPerSecond, 1e-9)
		}
	}
}
