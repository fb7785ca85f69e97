package chaos_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
)

// pair is a topology with two controllers.
func pair() chaos.Topology {
	t := topology
	t.Controllers = []string{"controller", "controller-2"}
	return t
}

type pairView struct{ chaos.View }

func (pairView) Topology() chaos.Topology { return pair() }

func TestAControllerLossNamesAControllerOfTheScenario(t *testing.T) {
	for text, want := range map[string]string{
		"{at: 1s, controller-loss: {controller: controller-3}}": `unknown controller "controller-3"`,
		"{at: 1s, controller-loss: {how: pause}}":               `unknown way to lose a controller "pause"`,
	} {
		ps := chaos.Plan{Entries: []chaos.Entry{read(t, text)}}.Check(pair(), time.Hour)
		require.NotEmpty(t, ps, text)
		assert.Contains(t, ps[0].Message, want, text)
	}
	none := chaos.Plan{Entries: []chaos.Entry{read(t, "{at: 1s, controller-loss: {}}")}}.Check(topology, time.Hour)
	require.Len(t, none, 1)
	assert.Contains(t, none[0].Message, "no controller that this could happen to")
}

func TestAControllerLossIsAKillOfOneProcess(t *testing.T) {
	f := read(t, "{at: 1s, controller-loss: {controller: controller-2, for: 5s}}").Fault
	r, err := f.Resolve(pairView{})
	require.NoError(t, err)
	assert.Equal(t, []string{"controller-2"}, r.Victims)
	require.Len(t, r.Primitives, 1)
	assert.Equal(t, "kill controller-2", r.Primitives[0].String())
	assert.False(t, chaos.ForGood(f))
	assert.True(t, chaos.ForGood(read(t, "{at: 1s, controller-loss: {}}").Fault))
}
