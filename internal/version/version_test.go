package version

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestABuildIsWhatTheToolchainStamped(t *testing.T) {
	b := of(&debug.BuildInfo{Main: debug.Module{Version: "v1.2.0"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"},
	}})
	assert.Equal(t, Build{Version: "v1.2.0", Revision: "0123456789abcdef0123", Modified: true}, b)
	assert.Equal(t, "v1.2.0 (revision 0123456789ab, modified)", b.String())
	assert.Equal(t, "(devel)", of(&debug.BuildInfo{}).String())
}

func TestWhatDiffersBetweenBuildsIsSaid(t *testing.T) {
	release := Build{Version: "v1.2.0"}
	revision := Build{Version: "(devel)", Revision: "abc"}
	assert.Empty(t, revision.Differs(revision))
	assert.Equal(t, "v1.2.0, not (devel) (revision abc)", release.Differs(revision))
	assert.Equal(t, "v1.2.0, not a version that was not recorded", release.Differs(Build{}))
}
