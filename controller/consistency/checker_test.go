package consistency_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/consistency"
	"github.com/shardquake/shardquake/internal/clock"
)

// doc is a document on a copy.
type doc struct {
	id     string
	seqNo  int64
	source string
}

// shardCopy is a copy of the only shard of index "idx".
type shardCopy struct {
	node    string
	state   string
	docs    []doc
	max     int64 // highest operation
	local   int64 // all operations up to it are processed
	global  int64
	claimed int64 // documents that it claims to have; -1: as many as it has
	bytes   int64
}

// cluster is an Elasticsearch with one index of one shard.
type cluster struct {
	mu     sync.Mutex
	copies []shardCopy
	noPIT  bool
	looks  int                        // at _cat/shards
	onLook func(c *cluster, look int) // called before a look is answered
	onOpen func(c *cluster, node string)
	opened []string
	open   map[string][]doc // points in time
	closed int
	pages  int
	// others are further indices, of one copy each, that can't be looked at: "closed" or
	// "gone" since they were listed.
	others []string
}

// twoCopies are a primary on n1 and a replica on n2 with n documents each.
func twoCopies(n int) *cluster {
	c := &cluster{open: map[string][]doc{}}
	for _, node := range []string{"n1", "n2"} {
		copy := shardCopy{node: node, state: "STARTED", max: int64(n) - 1, local: int64(n) - 1, global: int64(n) - 1, claimed: -1, bytes: 1000}
		for i := range n {
			copy.docs = append(copy.docs, doc{fmt.Sprintf("id%03d", i), int64(i), fmt.Sprintf(`{"n":%d}`, i)})
		}
		c.copies = append(c.copies, copy)
	}
	slices.Reverse(c.copies[1].docs) // every copy has an order of its own
	return c
}

func (c *cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec := httptest.NewRecorder()
	rec.Header().Set("X-Elastic-Product", "Elasticsearch")
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	switch path := r.URL.Path; {
	case path == "/closed/_refresh":
		rec.WriteHeader(400)
		_, _ = io.WriteString(rec, `{"error":{"type":"index_closed_exception","reason":"closed"},"status":400}`)
	case path == "/gone/_refresh":
		rec.WriteHeader(404)
		_, _ = io.WriteString(rec, `{"error":{"type":"index_not_found_exception","reason":"no such index [gone]"},"status":404}`)
	case path == "/_cat/shards" && len(c.others) > 0:
		rows := []map[string]string{{"index": "idx", "shard": "0", "prirep": "p", "state": "STARTED", "node": "n1"}}
		for _, name := range c.others {
			rows = append(rows, map[string]string{"index": name, "shard": "0", "prirep": "p", "state": "STARTED", "node": "n1"})
		}
		write(rec, rows)
	case path == "/idx/_refresh":
		_, _ = io.WriteString(rec, `{}`)
	case strings.HasPrefix(path, "/_cat/shards"):
		if strings.HasSuffix(path, "/other") {
			rec.WriteHeader(404)
			_, _ = io.WriteString(rec, `{"error":{"type":"index_not_found_exception","reason":"no such index [other]"},"status":404}`)
			break
		}
		c.cat(rec)
	case path == "/idx/_pit" && !c.noPIT:
		c.openPIT(rec, r.URL.Query().Get("preference"))
	case path == "/_pit" && r.Method == http.MethodDelete:
		c.closed++
		_, _ = io.WriteString(rec, `{"succeeded":true}`)
	case path == "/_search":
		c.search(rec, body)
	default:
		rec.WriteHeader(405)
		_, _ = io.WriteString(rec, `{"error":"no handler found","status":405}`)
	}
	return rec.Result(), nil
}

func write(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func (c *cluster) cat(w io.Writer) {
	c.looks++
	if c.onLook != nil {
		c.onLook(c, c.looks)
	}
	rows := []map[string]string{}
	for i, x := range c.copies {
		docs := x.claimed
		if docs < 0 {
			docs = int64(len(x.docs))
		}
		row := map[string]string{"index": "idx", "shard": "0", "prirep": []string{"p", "r", "r"}[i], "state": x.state}
		if x.state == "STARTED" {
			row["node"], row["docs"], row["store"] = x.node, fmt.Sprint(docs), fmt.Sprint(x.bytes)
			row["seq_no.max"], row["seq_no.local_checkpoint"], row["seq_no.global_checkpoint"] = fmt.Sprint(x.max), fmt.Sprint(x.local), fmt.Sprint(x.global)
		}
		rows = append(rows, row)
	}
	write(w, rows)
}

func (c *cluster) openPIT(w io.Writer, preference string) {
	m := regexp.MustCompile(`^_shards:0\|_only_nodes:(.+)$`).FindStringSubmatch(preference)
	if m == nil {
		panic("preference " + preference)
	}
	if c.onOpen != nil {
		c.onOpen(c, m[1])
	}
	id := fmt.Sprintf("pit%d", len(c.opened))
	c.opened = append(c.opened, m[1])
	for _, x := range c.copies {
		if x.node == m[1] {
			c.open[id] = slices.Clone(x.docs)
		}
	}
	write(w, map[string]any{"id": id, "_shards": map[string]int{"total": 1, "successful": 1}})
}

func (c *cluster) search(w io.Writer, body []byte) {
	var q struct {
		PIT   struct{ ID string }
		Size  int
		After []int64 `json:"search_after"`
		Query struct {
			IDs *struct{ Values []string }
		}
	}
	if err := json.Unmarshal(body, &q); err != nil {
		panic(err)
	}
	c.pages++
	hits := []map[string]any{}
	for i, d := range c.open[q.PIT.ID] {
		if len(q.After) > 0 && int64(i) <= q.After[0] || q.Query.IDs != nil && !slices.Contains(q.Query.IDs.Values, d.id) {
			continue
		}
		if len(hits) < q.Size {
			hits = append(hits, map[string]any{"_id": d.id, "_seq_no": d.seqNo, "_primary_term": 1, "_source": json.RawMessage(d.source), "sort": []int{i}})
		}
	}
	write(w, map[string]any{"pit_id": q.PIT.ID, "hits": map[string]any{"hits": hits}})
}

// put writes a document into a copy as an operation.
func (x *shardCopy) put(id string, seqNo int64, source string) {
	x.docs = slices.DeleteFunc(x.docs, func(d doc) bool { return d.id == id })
	x.docs = append(x.docs, doc{id, seqNo, source})
	x.max, x.local = max(x.max, seqNo), max(x.local, seqNo)
}

// check runs one check inside a synctest bubble.
func check(t *testing.T, c *cluster, change func(*consistency.Config)) consistency.Report {
	t.Helper()
	checker := newChecker(t, c, change)
	r, err := checker.Check(t.Context(), "idx")
	require.NoError(t, err)
	assert.Equal(t, r, checker.Reports()["idx"])
	assert.Equal(t, len(c.opened), c.closed, "every point in time is given back")
	return r
}

func newChecker(t *testing.T, c *cluster, change func(*consistency.Config)) *consistency.Checker {
	t.Helper()
	clk := clock.NewReal(1)
	client, err := controller.NewClient(controller.ClientConfig{Clock: clk, Transport: c, Endpoints: []controller.Endpoint{{URL: "http://n1:9200"}}})
	require.NoError(t, err)
	cfg := consistency.Config{Clock: clk, Client: client}
	if change != nil {
		change(&cfg)
	}
	checker, err := consistency.New(cfg)
	require.NoError(t, err)
	return checker
}

func TestEqualCopiesAreConsistentWhateverTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(25)
		r := check(t, c, func(cfg *consistency.Config) { cfg.PageSize = 10 })
		assert.Equal(t, consistency.Consistent, r.Verdict)
		require.Len(t, r.Shards, 1)
		assert.Empty(t, r.Shards[0].Findings)
		a, b := r.Shards[0].Copies[0], r.Shards[0].Copies[1]
		assert.Equal(t, int64(25), a.Compared)
		assert.Equal(t, a.Digest, b.Digest)
		assert.NotEmpty(t, a.Digest)
		assert.Equal(t, []string{"n1", "n2"}, c.opened, "one look at each copy, pinned to its node")
		assert.Equal(t, 6, c.pages)
		assert.True(t, strings.HasPrefix(r.Text(), "[CONSISTENCY] idx: consistent (1 shards, 2 copies, 50 documents compared"), r.Text())
	})
}

func TestACorruptedDocumentIsFoundAndNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(25)
		c.copies[1].docs[3].source = `{"n":-1}`
		r := check(t, c, nil)
		assert.Equal(t, consistency.Inconsistent, r.Verdict)
		require.Len(t, r.Shards[0].Findings, 1)
		assert.Equal(t, consistency.Finding{Kind: "content", Verdict: consistency.Inconsistent, Node: "n2", IDs: []string{"id021"}, Count: 1,
			Text: "1 documents differ from the primary's on n1"}, r.Shards[0].Findings[0])
		assert.NotEqual(t, r.Shards[0].Copies[0].Digest, r.Shards[0].Copies[1].Digest)
		assert.Contains(t, r.Text(), "[CONSISTENCY] idx[0] on n2: content, inconsistent: 1 documents differ from the primary's on n1 (id021)")
	})
}

func TestOfThreeCopiesTheOneThatDiffersIsNamedAlsoWhenItIsThePrimary(t *testing.T) {
	three := func() *cluster {
		c := twoCopies(25)
		third := c.copies[1]
		third.node, third.docs = "n3", slices.Clone(c.copies[1].docs)
		c.copies = append(c.copies, third)
		return c
	}
	for odd, node := range []string{"n1", "n2", "n3"} {
		synctest.Test(t, func(t *testing.T) {
			c := three()
			c.copies[odd].docs[3].source = `{"n":-1}`
			r := check(t, c, nil)
			assert.Equal(t, []string{"idx[0] on " + node}, r.Differing())
		})
		synctest.Test(t, func(t *testing.T) {
			c := three()
			c.copies[odd].docs = c.copies[odd].docs[1:]
			r := check(t, c, nil)
			assert.Equal(t, []string{"idx[0] on " + node}, r.Differing())
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c := three()
		c.copies[1].docs[3].source = `{"n":-1}`
		c.copies[2].docs[3].source = `{"n":-2}`
		assert.Equal(t, []string{"idx[0] on n2", "idx[0] on n3"}, check(t, c, nil).Differing(), "replicas that don't agree say nothing of the primary")
	})
}

func TestAMissingDocumentIsFoundByCountAndByContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(25)
		c.copies[1].docs = c.copies[1].docs[1:]
		r := check(t, c, nil)
		require.Len(t, r.Shards[0].Findings, 2)
		assert.Equal(t, "24 documents, the primary has 25 after the same 25 operations", r.Shards[0].Findings[0].Text)
		assert.Equal(t, []string{"id024"}, r.Shards[0].Findings[1].IDs)
		assert.Equal(t, consistency.Inconsistent, r.Verdict)
	})
}

func TestWritesInFlightRaiseNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(25)
		next := int64(25)
		c.onOpen = func(c *cluster, node string) {
			// Before each look at the primary a document is updated and one is added there;
			// the replica follows before it is looked at, by when the primary is ahead again.
			for i := range c.copies {
				if c.copies[i].node == node {
					c.copies[i].put("id003", next, fmt.Sprintf(`{"n":%d}`, next))
					c.copies[i].put(fmt.Sprintf("new%d", next), next+1, `{}`)
				}
			}
			if node == "n2" {
				next += 2
			} else {
				c.copies[0].put("id007", next+100, `{"ahead":true}`)
			}
			if len(c.opened) >= 6 {
				c.copies[1].put("id007", c.copies[0].docs[len(c.copies[0].docs)-1].seqNo, `{"ahead":true}`)
				c.copies[0].docs = slices.Clone(c.copies[1].docs)
			}
		}
		r := check(t, c, nil)
		assert.NotEqual(t, consistency.Inconsistent, r.Verdict, r.Text())
	})
}

func TestAReplicaThatCatchesUpBetweenTwoLooksIsConsistent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(25)
		c.copies[0].put("late", 25, `{}`)
		c.onLook = func(c *cluster, look int) {
			if look == 3 {
				c.copies[1].put("late", 25, `{}`)
			}
		}
		r := check(t, c, nil)
		assert.Equal(t, consistency.Consistent, r.Verdict, r.Text())
		assert.Equal(t, int64(25), r.Shards[0].Copies[1].MaxSeqNo, "the report shows the last look")
	})
}

func TestAnOperationThatStaysOnItsWayIsUnknownNotWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(25)
		c.copies[0].put("stuck", 25, `{}`) // the global checkpoint stays at 24
		r := check(t, c, nil)
		assert.Equal(t, consistency.Unknown, r.Verdict, r.Text())
		assert.Contains(t, r.Text(), "not still long enough to tell")
		assert.Contains(t, r.Text(), "are being written (stuck)")
	})
}

func TestAReplicaWithoutAnOperationBelowTheGlobalCheckpointIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(25)
		c.copies[0].put("lost", 25, `{}`)
		c.copies[0].global = 25
		r := check(t, c, nil)
		assert.Equal(t, consistency.Inconsistent, r.Verdict, r.Text())
		assert.Contains(t, r.Text(), "sequence-numbers, inconsistent: operations up to 24, the primary has them up to 25")

		c = twoCopies(25)
		c.copies[0].put("lost", 25, `{}`)
		c.copies[0].global, c.copies[1].max = 25, 25 // the replica knows of a later operation, and has a hole
		r = check(t, c, nil)
		assert.Equal(t, consistency.Inconsistent, r.Verdict, r.Text())
		assert.Contains(t, r.Text(), "checkpoint, inconsistent: has processed operations up to 24, though the primary had made sure that every copy has those up to 25")
	})
}

func TestSizesFarApartAreOnlyANotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(5)
		c.copies[0].bytes, c.copies[1].bytes = 4<<20, 40<<20
		r := check(t, c, nil)
		assert.Equal(t, consistency.Consistent, r.Verdict)
		require.Len(t, r.Shards[0].Findings, 1)
		assert.Equal(t, "store-size", r.Shards[0].Findings[0].Kind)
	})
}

func TestWhatCantBeComparedIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(5)
		c.copies = append(c.copies, shardCopy{state: "UNASSIGNED"})
		r := check(t, c, nil)
		assert.Equal(t, consistency.Unknown, r.Verdict)
		assert.Contains(t, r.Text(), "a copy is UNASSIGNED: not compared")

		c = twoCopies(5)
		c.noPIT = true
		r = check(t, c, nil)
		assert.Equal(t, consistency.Unknown, r.Verdict, "counts and sequence numbers agree, of the content nothing is known")
		assert.Contains(t, r.Text(), "the cluster offers no search at a point in time")
		assert.Equal(t, int64(-1), r.Shards[0].Copies[0].Compared)

		c = twoCopies(5)
		for i := range c.copies {
			c.copies[i].docs, c.copies[i].claimed = nil, 5
		}
		r = check(t, c, nil)
		assert.Equal(t, consistency.Unknown, r.Verdict, "two scans that saw nothing agree about nothing")
		assert.Contains(t, r.Text(), "read 0 of the 5 documents that the copy counts")

		r = check(t, twoCopies(20), func(cfg *consistency.Config) { cfg.MaxDocs = 10 })
		assert.Equal(t, consistency.Unknown, r.Verdict)
		assert.Contains(t, r.Text(), "20 documents are more than the 10 whose content is read")
	})
}

func TestTheLoadOfACheckIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := check(t, twoCopies(1000), func(cfg *consistency.Config) { cfg.Rate, cfg.PageSize = 100, 50 })
		assert.Equal(t, 20*time.Second, r.Took, "2,000 documents at 100 per second")
	})
}

func TestOneCheckAtATimeAndNoneOfAnIndexThatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(1000)
		checker := newChecker(t, c, func(cfg *consistency.Config) { cfg.Rate = 100 })
		done := make(chan error)
		go func() { _, err := checker.Check(t.Context(), "idx"); done <- err }()
		time.Sleep(time.Second)
		_, err := checker.Check(t.Context(), "idx")
		require.ErrorIs(t, err, consistency.ErrBusy)
		require.NoError(t, <-done)
		_, err = checker.Check(t.Context(), "other")
		require.Error(t, err)
	})
}

func TestAnIndexThatCantBeLookedAtKeepsTheOthersFromNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(3)
		c.others = []string{"closed", "gone"}
		checker := newChecker(t, c, nil)
		reports, err := checker.CheckAll(t.Context())
		require.NoError(t, err)
		verdicts := map[string]consistency.Verdict{}
		for _, r := range reports {
			verdicts[r.Index] = r.Verdict
		}
		assert.Equal(t, map[string]consistency.Verdict{"closed": consistency.Unknown, "idx": consistency.Consistent}, verdicts)
		assert.Contains(t, checker.Reports()["closed"].Text(), "broken off: indices.refresh: status 400 index_closed_exception: closed")
	})
}

func TestARoundWaitsForACheckThatAPersonAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checker := newChecker(t, twoCopies(1000), func(cfg *consistency.Config) { cfg.Rate = 100 })
		done := make(chan error)
		go func() { _, err := checker.Check(t.Context(), "idx"); done <- err }()
		time.Sleep(time.Second)
		reports, err := checker.CheckAll(t.Context())
		require.NoError(t, err)
		assert.Len(t, reports, 1)
		require.NoError(t, <-done)
	})
}

func TestAnOnlyCopyIsNotSaidToAgreeWithAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoCopies(5)
		c.copies = c.copies[:1]
		r := check(t, c, nil)
		assert.Equal(t, consistency.Consistent, r.Verdict)
		assert.Contains(t, r.Text(), "idx[0] on n1: copies, consistent: the shard's only copy: there is nothing to compare it with")
	})
}

func TestAConfigurationThatMakesNoSenseIsRefused(t *testing.T) {
	_, err := consistency.New(consistency.Config{})
	require.Error(t, err)
	client, err := controller.NewClient(controller.ClientConfig{Clock: clock.NewReal(1), Transport: twoCopies(1), Endpoints: []controller.Endpoint{{URL: "http://n1:9200"}}})
	require.NoError(t, err)
	_, err = consistency.New(consistency.Config{Clock: clock.NewReal(1), Client: client, PageSize: 10_001})
	assert.ErrorContains(t, err, "page size")
}

func TestAllIndicesAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports, err := newChecker(t, twoCopies(3), nil).CheckAll(t.Context())
		require.NoError(t, err)
		require.Len(t, reports, 1)
		text := jsonOf(t, reports[0])
		assert.Contains(t, text, `"verdict":"consistent"`)
		n, err := strconv.Atoi(fmt.Sprint(len(reports[0].Shards)))
		require.NoError(t, err)
		assert.Equal(t, 1, n)
	})
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}
