package reports

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/shardquake/shardquake/scenarios"
)

// Traced scores a run and makes its trace, whose hash is in the report.
func Traced(res *scenarios.Result) (*Report, []byte, error) {
	rep, err := Build(res)
	if err != nil {
		return nil, nil, err
	}
	trace, err := Trace(res)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(trace)
	rep.TraceSHA256 = hex.EncodeToString(sum[:])
	return rep, trace, nil
}
