package chaos

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sizes is a view of four nodes of which n1 is the master and n4 has not come.
type sizes struct{ View }

func (sizes) Lives(n string) bool { return n != "n4" }
func (sizes) Copies(n string) int { return map[string]int{"n1": 4, "n2": 7, "n3": 2}[n] }
func (sizes) DiskUsed(n string) (float64, bool) {
	return map[string]float64{"n1": 50, "n2": 20, "n3": 80}[n], true
}

func TestNodesAreChosenByWhatTheyAreAndHoldNow(t *testing.T) {
	v := sizes{anyView{worldTopology}}
	for _, c := range []struct {
		list []Selector
		want []string
	}{
		{[]Selector{"follower"}, []string{"n2"}},
		{[]Selector{"master", "another follower"}, []string{"n1", "n2"}},
		{[]Selector{"follower", "another follower"}, []string{"n2", "n3"}},
		{[]Selector{"emptiest"}, []string{"n3"}},
		{[]Selector{"fullest", "another fullest"}, []string{"n2", "n1"}},
		{[]Selector{"fullest-disk"}, []string{"n3"}},
		{[]Selector{"emptiest-disk", "another emptiest-disk"}, []string{"n2", "n1"}},
		{[]Selector{"copies(7)"}, []string{"n2"}},
	} {
		for _, s := range c.list {
			assert.Empty(t, s.check(worldTopology, false, false), s)
		}
		got, err := resolveAll(c.list, v)
		require.NoError(t, err, c.list)
		assert.Equal(t, c.want, got, c.list)
	}
	for list, why := range map[Selector]string{"copies(3)": "no node holds 3 copies", "another follower": ""} {
		_, err := resolveAll([]Selector{list}, v)
		if why == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, why)
	}
	_, err := resolveAll([]Selector{"follower", "another follower", "another follower"}, v)
	assert.ErrorContains(t, err, "there is no other follower")
	assert.Contains(t, Selector("another n2").check(worldTopology, false, false), "no other n2")
}

func TestANodeOfAZoneIsTheFirstThatLives(t *testing.T) {
	zones := worldTopology
	zones.Attributes = []map[string]string{{"zone": "a"}, {"zone": "b"}, {"zone": "b"}, {"zone": "c"}}
	v := sizes{anyView{zones}}
	for s, want := range map[Selector][]string{"node(zone=b)": {"n2"}, "zone=b": {"n2", "n3"}, "node(zone=a)": {"n1"}} {
		assert.Empty(t, s.check(zones, false, false), s)
		got, err := resolveAll([]Selector{s}, v)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
		value, known := s.Attribute("zone", zones)
		assert.True(t, known)
		assert.Contains(t, string(s), "zone="+value)
	}
	two, err := resolveAll([]Selector{"node(zone=b)", "another node(zone=b)"}, v)
	require.NoError(t, err)
	assert.Equal(t, []string{"n2", "n3"}, two)
	_, err = resolveAll([]Selector{"node(zone=c)"}, v)
	assert.ErrorContains(t, err, "no node of zone=c lives")
	assert.Contains(t, Selector("node(zone=d)").check(zones, false, false), "no node has zone=d")
	_, known := Selector("master").Attribute("zone", zones)
	assert.False(t, known, "it may be in any")
}

func TestANodeThatAFaultHasTakenAwayIsNoFollowerAnyMore(t *testing.T) {
	w := newWorld()
	in := worldInjector(w)
	first := in.Strike(t.Context(), &NodeLoss{Node: "follower"})
	second := in.Strike(t.Context(), &NodeLoss{Node: "follower"})
	assert.Equal(t, []string{"n2"}, first.Record.Victims)
	assert.Equal(t, []string{"n3"}, second.Record.Victims)
}
