package scenariotest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// tellFailure says how to run it again, and leaves the report in a temporary folder that
// outlives the test.
func tellFailure(t *testing.T, nameOrPath string, o *options, res *scenarios.Result) {
	t.Helper()
	t.Log("replay: " + replay(nameOrPath, o, res.Seed))
	dir, err := os.MkdirTemp("", "shardquake-failed-")
	if err != nil {
		t.Logf("no report is left: %v", err)
		return
	}
	rep, err := reports.Write(filepath.Join(dir, "report"), res)
	if err != nil {
		t.Logf("no report is left: %v", err)
		return
	}
	t.Logf("report: %s", filepath.Join(dir, "report", reports.FileHTML))
	if scores, err := json.Marshal(rep.Scores.Recovery.RecoveryScore); err == nil {
		t.Logf("recovery: %s", scores)
	}
	if rep.Scores.Movement != nil {
		t.Logf("moves: %+v", *rep.Scores.Movement)
	}
}

// replay is the command that runs a test's scenario as the test did.
func replay(nameOrPath string, o *options, seed uint64) string {
	cmd := fmt.Sprintf("shardquake run %s --seed %d", nameOrPath, seed)
	if o.backend != "sim" {
		cmd += " --backend " + o.backend
	}
	for _, set := range o.set {
		cmd += " --set '" + strings.ReplaceAll(set, "'", `'\''`) + "'"
	}
	return cmd
}
