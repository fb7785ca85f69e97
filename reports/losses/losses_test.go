package losses_test

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports/losses"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

func planned(t *testing.T, change ...string) *planning.Result {
	t.Helper()
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	r, err := planning.Run(t.Context(), planning.Config{
		File: "../../scenarios/planning/testdata/zone-not-lost.yaml", Vocabulary: catalog.Vocabulary(), Seeds: 1, Changes: change,
		Runner: func() *scenarios.Runner {
			return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}
		},
	})
	require.NoError(t, err)
	return r
}

func TestEveryObjectiveIsATestCase(t *testing.T) {
	text, err := losses.JUnit(planned(t))
	require.NoError(t, err)
	var got struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Cases    []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(text, &got))
	require.Len(t, got.Suites, 1)
	s := got.Suites[0]
	failed := map[string]bool{}
	for _, c := range s.Cases {
		failed[c.Name] = c.Failure != nil
	}
	assert.Equal(t, map[string]bool{"survive node": false, "survive zone": true, "survive master": false, "green within 5m": true, "disks below high": false}, failed)
	assert.Equal(t, 5, s.Tests)
	assert.Equal(t, 2, s.Failures)
}

func TestFilesOfAPlanSayTheVerdictFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plan")
	r := planned(t)
	require.NoError(t, losses.Write(dir, r, nil))
	require.NoError(t, losses.Write(dir, r, nil), "a plan may take the place of an earlier one")
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(text)
	}
	var back struct {
		Schema  string
		Verdict string
		Sides   []struct {
			Losses []struct {
				Kind     string
				Red      []string       `json:"red_at_the_end"`
				PeakDisk map[string]any `json:"peak_disk"`
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read("planning.json")), &back))
	assert.Equal(t, "shardquake.planning/1", back.Schema)
	assert.Equal(t, "fail", back.Verdict)
	assert.Equal(t, "derived", back.Sides[0].Losses[1].PeakDisk["tag"])
	assert.True(t, strings.HasPrefix(read("summary.md"), "# zone-not-lost: FAIL\n\nit can't lose zone "))
	page := read("planning.html")
	assert.Contains(t, page, "it can&#39;t lose zone")
	assert.Contains(t, page, `<td class="v fail">logs</td>`, "the map has what stays red")
	assert.NotContains(t, page, "http", "a page needs nothing from elsewhere")
}

func TestBeforeAndAfterAChangeStandInOneCell(t *testing.T) {
	r := planned(t, `cluster.settings."cluster.routing.allocation.awareness.attributes"=zone`)
	var out strings.Builder
	require.NoError(t, losses.Summary(&out, r, "out"))
	assert.True(t, strings.HasPrefix(out.String(), "PASS  zone-not-lost: it can lose what it must"), out.String())
	assert.Contains(t, out.String(), "fail → pass")
	assert.Contains(t, out.String(), "logs → –")
}
