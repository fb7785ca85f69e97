package divergence

import (
	"bufio"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func lines(s ...string) *bufio.Scanner {
	return bufio.NewScanner(strings.NewReader(strings.Join(s, "\n")))
}

func TestStreamsPartAtTheFirstLineThatDiffers(t *testing.T) {
	assert.Equal(t, Point{Agree: 2, Last: "b"}, Find(lines("a", "b"), lines("a", "b")))
	assert.Equal(t, Point{Agree: 1, Last: "a", Lines: [2]string{"b", "c"}, Parted: true}, Find(lines("a", "b"), lines("a", "c", "d")))
	assert.Equal(t, Point{Agree: 1, Last: "a", Lines: [2]string{"", "b"}, Parted: true}, Find(lines("a"), lines("a", "b")), "one has ended")
}

const beginning = `{"at_s":-1,"kind":"members","data":{"master":"n1","nodes":["n1","n2","n3"]}}
{"at_s":10,"kind":"fault","data":{"kind":"node-loss","victims":["n2"]}}
{"at_s":10.1,"kind":"view","data":{"n":"n3","master":"n1","state":"ok"}}
`

const waits = beginning + `{"at_s":10.3,"kind":"health","data":{"status":"yellow","master":true,"unassigned":2}}
{"at_s":11,"kind":"tracer","data":{"result":"failed","latency_ms":3}}
{"at_s":30,"kind":"decision","data":{"policy":"variance","decided":"rebalance","reason":"spread 0.2","done":"rebalance","acted":true}}
`

const acts = beginning + `{"at_s":10.3,"kind":"health","data":{"status":"red","master":true,"unassigned":3}}
{"at_s":12,"kind":"recovery","data":{"i":"logs","s":3,"from":"n1","to":"n3","why":"replica","stage":"INIT","stop":0,"bytes":0}}
{"at_s":20,"kind":"decision","data":{"policy":"variance","decided":"nothing","reason":"spread 0","acted":false}}
{"at_s":30,"kind":"decision","data":{"policy":"variance","decided":"rebalance","reason":"spread 0.2","done":"rebalance","acted":true}}
`

func TestWhereTwoRunsPartIsToldWithWhatFollowed(t *testing.T) {
	p, err := Of([2]string{"base", "contender"}, []byte(waits), []byte(acts))
	require.NoError(t, err)
	assert.Equal(t, 3, p.Agree)
	assert.InDelta(t, 10.1, p.AgreeS, 1e-9)
	assert.Equal(t, "the cluster is yellow: 2 unassigned, 0 initializing, 0 relocating", p.First[0].Text)
	assert.Equal(t, "the traces are equal for 3 entries; what first differs clearly is in base at 10.3 s: the cluster is yellow: 2 unassigned, 0 initializing, 0 relocating; "+
		"in contender at 10.3 s: the cluster is red: 3 unassigned, 0 initializing, 0 relocating", p.Sentence())
	require.Len(t, p.After[1], 3, "health, recovery and the decision that acted; not the one that did nothing")
	assert.Equal(t, "recovery of logs[3] n1→n3 (replica, init) begins, 0 bytes", p.After[1][1].Text)
	assert.False(t, p.After[1][1].Shared)
	assert.True(t, p.After[1][2].Shared, "both rebalance")

	equal, err := Of([2]string{"a", "b"}, []byte(waits), []byte(waits))
	require.NoError(t, err)
	assert.Nil(t, equal)
	assert.Equal(t, "the traces are equal", equal.Sentence())

	later, err := Of([2]string{"a", "b"}, []byte(waits), []byte(strings.Replace(strings.Replace(waits, "10.3", "10.31", 1), `"at_s":30`, `"at_s":33`, 1)))
	require.NoError(t, err)
	assert.InDelta(t, 10.31, later.First[1].AtS, 1e-9)
	assert.InDelta(t, 33, later.Story[1].AtS, 1e-9, "a hundredth of a second is no story, three seconds are")

	short, err := Of([2]string{"a", "b"}, []byte(beginning), []byte(waits))
	require.NoError(t, err)
	assert.Nil(t, short.First[0])
	assert.Contains(t, short.Sentence(), "in a nothing more")
}

func TestARunIsRetoldByWhoKnewWhatWhen(t *testing.T) {
	story, err := Tell([]byte(waits))
	require.NoError(t, err)
	require.Len(t, story, 1)
	var out strings.Builder
	require.NoError(t, story[0].Write(&out))
	assert.Equal(t, `   10.000 s  fault: node-loss n2
  +   0.100 s  n3 knows n1 as master
  +   0.300 s  the cluster is yellow: 2 unassigned, 0 initializing, 0 relocating
  +   1.000 s  a followed write: failed after 3 ms
  +  20.000 s  the controller (variance) decides: rebalance, for spread 0.2; done: rebalance
`, out.String())
}

func TestATraceThatIsNoneIsNamedByItsLine(t *testing.T) {
	_, err := Parse([]byte("{}\nnonsense\n"))
	assert.ErrorContains(t, err, "line 2 of the trace")
}
