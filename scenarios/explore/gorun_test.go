package explore_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/explore"
)

func TestASearchOfATestStaysInsideItsBudget(t *testing.T) {
	r := explore.Run(t, "testdata/tight.yaml", explore.Budget{Plans: 20, Kinds: []string{"disk-slow"}, Most: 2, Shortest: time.Second, Longest: 3 * time.Second},
		explore.Set("cluster.nodes.count=4"), explore.Set("explore.claims=[]"),
		explore.Claim("stays-whole", func(h *explore.History) (scenarios.Verdict, string) {
			if len(h.Nodes) != 4 {
				return explore.Breaks, "nodes are missing"
			}
			return explore.Holds, "all are there"
		}))
	assert.Equal(t, 20, r.Plans.Held)
	assert.Equal(t, []string{"disk-slow"}, r.Budget.Kinds)
	assert.Equal(t, 2, r.Budget.Most)
	assert.Equal(t, "3s", r.Budget.Longest)
	require.Len(t, r.Claims, 2)
	assert.Equal(t, explore.Asked{Claim: "{stays-whole: true}", Held: 20}, r.Claims[1])
}

func TestASearchOfATestEndsByPlansOrByTime(t *testing.T) {
	r := explore.Run(t, "testdata/tight.yaml", explore.Budget{For: time.Minute, Plans: 20, Kinds: []string{"disk-slow"}}, explore.Set("explore.claims=[]"))
	assert.Equal(t, 1, r.Rounds, "what comes first ends it")
}

// inside is set for the tests below in a process of their own, where they are meant to fail.
const inside = "SHARDQUAKE_EXPLORE_FAILS"

// fails runs a test of this package that is meant to fail, and returns what it says.
func fails(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "%s", out)
	return string(out)
}

func TestABrokenClaimFailsTheTestWithItsFileAndTheCommand(t *testing.T) {
	if os.Getenv(inside) != "" {
		explore.Run(t, "testdata/tight.yaml", explore.Budget{Plans: 20})
		return
	}
	out := fails(t)
	assert.Contains(t, out, `"green after node-loss" does not hold`)
	file := regexp.MustCompile(`(?m)file:   (\S+)$`).FindStringSubmatch(out)
	require.Len(t, file, 2, out)
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(filepath.Dir(file[1]))) })
	assert.FileExists(t, file[1])
	assert.Contains(t, out, "replay: shardquake run "+file[1])
}

func TestABrokenClaimOfOnesOwnIsKeptAndTriedAgain(t *testing.T) {
	corpus := os.Getenv(inside)
	if corpus != "" {
		explore.Run(t, "testdata/tight.yaml", explore.Budget{Plans: 20, Kinds: []string{"node-loss"}}, explore.Corpus(corpus), explore.Out(filepath.Join(corpus, "out")),
			explore.Claim("no-node-is-lost", func(h *explore.History) (scenarios.Verdict, string) {
				if len(h.Faults) > 0 {
					return explore.Breaks, "one was"
				}
				return explore.Holds, "none was"
			}), explore.Set("explore.claims=[]"))
		return
	}
	corpus = t.TempDir()
	exe, err := os.Executable()
	require.NoError(t, err)
	for _, want := range []string{`(?s)"no-node-is-lost" does not hold: one was.*explore.Corpus\(.*-run '\^TestABrokenClaimOfOnesOwnIsKeptAndTriedAgain\$'`, `corpus: .*tight-breaks-no-node-is-lost.yaml: fail: no-node-is-lost: one was`} {
		cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^TestABrokenClaimOfOnesOwnIsKeptAndTriedAgain$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"="+corpus)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		assert.Regexp(t, want, string(out))
	}
	text, err := os.ReadFile(filepath.Join(corpus, "tight-breaks-no-node-is-lost.yaml"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "  - {no-node-is-lost: true}\n")
}

func TestAClaimThatNobodyCouldJudgeFailsTheTest(t *testing.T) {
	if os.Getenv(inside) != "" {
		explore.Run(t, "testdata/tight.yaml", explore.Budget{Plans: 20, Kinds: []string{"disk-slow"}}, explore.Set("explore.claims=[]"),
			explore.Claim("told", func(*explore.History) (scenarios.Verdict, string) { return explore.Unknown, "nobody told" }))
		return
	}
	out := fails(t)
	assert.Contains(t, out, "it could be decided of none of 20 plans")
	assert.Contains(t, out, "told: nobody told")
}

func TestAClaimThatFilesCouldNotNameIsRefused(t *testing.T) {
	if name := os.Getenv(inside); name != "" {
		explore.Run(t, "testdata/tight.yaml", explore.Budget{Plans: 20}, explore.Claim(name, func(*explore.History) (scenarios.Verdict, string) { return explore.Holds, "" }))
		return
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	for name, want := range map[string]string{"Not Good": `claim "Not Good": expected a name of small letters`, "recovered": "claim recovered: there is an expectation of that name already"} {
		cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^TestAClaimThatFilesCouldNotNameIsRefused$")
		cmd.Env = append(os.Environ(), inside+"="+name)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), want)
	}
}

// What is found in another module is a test there: it compiles, and fails until the find is
// mended.
func TestTheTestOfWhatWasFoundRunsInAnotherModule(t *testing.T) {
	if testing.Short() {
		t.Skip("the other module compiles what it needs anew")
	}
	cfg := tight(t)
	cfg.Seeds = 0
	r := search(t, cfg)
	folder := t.TempDir()
	require.NoError(t, explore.Write(folder, "", r))
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	mod := "module example.com/theirs\n\ngo 1.26.0\n\nrequire github.com/shardquake/shardquake v0.0.0\n\nreplace github.com/shardquake/shardquake => " + root + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "go.mod"), []byte(mod), 0o600))
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "go.sum"), sums, 0o600))
	cmd := exec.CommandContext(t.Context(), "go", "test", "-mod=mod", "-count=1", "./testdata/found")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "--- FAIL: TestTightBreaksRecovered/green_after_node-loss", "%s", out)
	assert.True(t, strings.Contains(string(out), "replay: shardquake run tight-breaks-recovered.yaml"), "%s", out)
}
