package controller

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readCatSlowly is readCat by encoding/json: rows of alternating keys and values.
func readCatSlowly(body []byte) ([][]string, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, err
	}
	if rows == nil {
		return nil, errCat
	}
	out := [][]string{}
	for _, raw := range rows {
		if !strings.HasPrefix(strings.TrimSpace(string(raw)), "{") {
			return nil, errCat
		}
		d := json.NewDecoder(strings.NewReader(string(raw)))
		row := []string{}
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			var value any
			if err := d.Decode(&value); err != nil {
				return nil, err
			}
			switch v := value.(type) {
			case nil:
				row = append(row, key.(string), "")
			case string:
				row = append(row, key.(string), v)
			default:
				return nil, errCat
			}
		}
		out = append(out, row)
	}
	return out, nil
}

func readCatFast(body []byte) ([][]string, error) {
	out := [][]string{}
	var row []string
	err := readCat(body, catVisitor{
		row: func() { row = []string{} },
		cell: func(key, value []byte) {
			row = append(row, strings.ToValidUTF8(string(key), "\uFFFD"), strings.ToValidUTF8(string(value), "\uFFFD"))
		},
		end: func() error { out = append(out, row); return nil },
	})
	return out, err
}

func FuzzReadCatAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		`[]`, ` [ { } ] `, `[{"a":"b"},{"a":null}]`, `[{"a\u00e9\n":"\ud83d\ude00\\"}]`, `[{"a":"\ud83dx"}]`, `[{"a":1}]`, `[{"a":"b"`,
		`[{"a":"b"}]x`, `[{"a" "b"}]`, `[{"a":"b",}]`, `{}`, `[nul]`, `[{"a":nul}]`, "[{\"a\":\"\x01\"}]", `[{"a":"\x"}]`, "[\x00]", "[]\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		want, wantErr := readCatSlowly(body)
		got, gotErr := readCatFast(body)
		require.Equal(t, wantErr == nil, gotErr == nil, "encoding/json: %v; readCat: %v", wantErr, gotErr)
		if wantErr != nil {
			return
		}
		for i := range want {
			for k := range want[i] {
				want[i][k] = strings.ToValidUTF8(want[i][k], "\uFFFD")
			}
		}
		assert.Equal(t, want, squeeze(got, want))
	})
}

// squeeze makes runs of replacement characters comparable: encoding/json puts one for
// every bad byte, strings.ToValidUTF8 one for a run of them.
func squeeze(got, want [][]string) [][]string {
	one := func(s string) string {
		for strings.Contains(s, "\uFFFD\uFFFD") {
			s = strings.ReplaceAll(s, "\uFFFD\uFFFD", "\uFFFD")
		}
		return s
	}
	for _, rows := range [][][]string{got, want} {
		for _, row := range rows {
			for k := range row {
				row[k] = one(row[k])
			}
		}
	}
	return got
}

func FuzzParsersNeverPanic(f *testing.F) {
	f.Add([]byte(`[{"index":"a","shard":"0","prirep":"p","state":"STARTED","node":"a -> b c d"}]`))
	f.Add([]byte(`{"a":{"shards":[{"id":1,"stage":"INDEX"}]}}`))
	f.Add([]byte(`{"nodes":{"count":{"data":1},"x":{"name":"n","roles":["data"]}},"indices":{"i":{"shards":{"0":[{}]}}}}`))
	f.Add([]byte(`{"pit_id":"p","hits":{"hits":[{"_id":"1","_seq_no":3,"_source":{"a":1},"sort":[1]}]},"snapshots":[{"snapshot":"s","indices":["i"],"state":"SUCCESS"}]}`))
	f.Add([]byte(`{"error":{"type":"x"},"persistent":{"a":["b"]}}`))
	f.Add([]byte(`{"_seq_no":1,"_primary_term":1,"found":true,"_source":{},"acknowledged":true,"explanations":[{"command":"move","decisions":[{"decider":"d","decision":"NO","explanation":"e"}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		shards, err := parseShards(body)
		if err == nil {
			for _, s := range byIndex(shards) {
				st := s.status(epoch())
				assert.Equal(t, st.TotalShards, st.ReplicatedShards+st.UnreplicatedShards)
				assert.Len(t, s.healths(), st.TotalShards)
			}
		}
		if rs, err := parseShardRecovery(body); err == nil {
			for _, r := range rs {
				assert.LessOrEqual(t, r.Percent(), 100.0)
			}
		}
		_, _ = parseClusterStats(body)
		_, _ = parseSettings(body)
		_, _ = parseNodeStats(body)
		_, _ = parseIndexSettings(body)
		_, _ = parseScanPage(body, Scan{Size: 10})
		_, _ = parseDocument(body)
		var rerouted RerouteAnswer
		if json.Unmarshal(body, &rerouted) == nil {
			for _, e := range rerouted.Explanations {
				_ = e.Refusal()
			}
		}
		_, _ = parseRepositories(body)
		_, _ = parseSnapshots("r", body)
		assert.NotEmpty(t, parseAPIError("call", 400, body).Error())
	})
}

func TestARowWithoutIndexOrWithABadNumberIsAnError(t *testing.T) {
	for _, body := range []string{`[{"shard":"0","state":"STARTED"}]`, `[{"index":"a","state":"STARTED","shard":"zero"}]`, `[{"index":"a","state":"STARTED","docs":"1.5"}]`} {
		_, err := parseShards([]byte(body))
		require.ErrorIs(t, err, errCat, body)
	}
}

func TestSizesAreWrittenAsElasticsearchDoes(t *testing.T) {
	for n, want := range map[int64]string{-1: "", 0: "0b", 1023: "1023b", 1024: "1kb", 1536: "1.5kb", 1048575: "1023.9kb", 5 << 30: "5gb", 3 << 50: "3pb", 1 << 62: "4096pb"} {
		assert.Equal(t, want, formatBytes(n))
	}
}

func BenchmarkParseShards(b *testing.B) {
	var text strings.Builder
	text.WriteByte('[')
	for i := range 32000 {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"index":"logs-%03d","shard":"%d","prirep":"%s","state":"STARTED","node":"n%d","unassigned.reason":null}`, i/320, i/2%160, []string{"p", "r"}[i%2], i%32)
	}
	text.WriteByte(']')
	body := []byte(text.String())
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseShards(body); err != nil {
			b.Fatal(err)
		}
	}
}

func epoch() time.Time { return time.Unix(0, 0) }

func TestGetsByIDAreReadsLikeSearches(t *testing.T) {
	shards, err := parseShards([]byte(`[{"index":"logs","shard":"0","prirep":"p","state":"STARTED","node":"n1",
		"search.query_total":"7","search.query_time":"70","get.total":"30","get.time":"3","indexing.index_total":"5","indexing.index_time":"50"}]`))
	require.NoError(t, err)
	require.Len(t, shards, 1)
	assert.Equal(t, CopyCounters{Reads: 37, ReadMillis: 73, Indexed: 5, IndexMillis: 50}, shards[0].Counters)
}
