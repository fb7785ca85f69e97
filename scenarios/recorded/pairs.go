package recorded

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed pairs.jsonl
var pairsText []byte

// PairsFile is where Pairs comes from, in this package's folder.
const PairsFile = "pairs.jsonl"

// Pair is one recording of five real nodes of which two are killed and, later, started
// again. Times are milliseconds since the first kill. `go test ./integration -run TwoKilled
// -record-pairs 5` makes them anew. Those that are kept were made on two processors whose
// other work gave way to the nodes: their load average counts what waited. Earlier ones, made
// while the nodes had to share, were three times as slow (the first noticed after 170 to
// 206 ms in place of 40 to 172), in the same order.
type Pair struct {
	// Apart is the time in seconds between the kills: 0 where both got the signal at once.
	Apart   int      `json:"apart_s"`
	Rep     int      `json:"rep"`
	Master  string   `json:"master"`
	Victims []string `json:"victims"`
	// Kills are when the victims got the signal.
	Kills []float64 `json:"kills_ms"`
	// Noticed are when the master marked one after the other as faulty, by its log.
	Noticed []float64 `json:"noticed_ms"`
	// Left and Joined are the states that the master published without and with victims.
	Left   []PairState `json:"left"`
	Joined []PairState `json:"joined"`
	// Health is how the cluster's health changed on the master, asked every 20 ms. An index
	// has both copies of each shard on the victims: yellow with one of them gone shows that
	// its primaries went on to the other.
	Health []PairHealth `json:"health"`
	// Load is the machine's load average of the last minute at the kill.
	Load float64 `json:"load_average_1m"`
}

// PairState is a published state: when the master logged it, to the millisecond.
type PairState struct {
	T       float64  `json:"t_ms"`
	Version int64    `json:"version"`
	Nodes   []string `json:"nodes"`
}

// PairHealth is a health that was seen.
type PairHealth struct {
	T      float64 `json:"t_ms"`
	Status string  `json:"status"`
	Nodes  int     `json:"nodes"`
}

// Pairs are the recordings of two nodes killed.
func Pairs() ([]Pair, error) {
	var out []Pair
	for n, line := range bytes.Split(bytes.TrimSpace(pairsText), []byte("\n")) {
		var p Pair
		if err := json.Unmarshal(line, &p); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", PairsFile, n+1, err)
		}
		out = append(out, p)
	}
	return out, nil
}
