package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/scenarios"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"shardquake": func() { os.Exit(run(os.Args[1:])) },
	})
}

// The command as a user types it: every script of testdata says what is expected.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			bundle, err := filepath.Abs("../../scenarios/importer/testdata/zones.zip")
			e.Setenv("BUNDLE", bundle)
			return err
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code": code,
			"fits": fits,
		},
	})
}

// code N COMMAND… runs a command and compares its exit code.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if err != nil {
		if !asExit(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, expected %s", got, args[0])
	}
}

// fits SCHEMA FILE looks whether a file is what a JSON schema describes.
func fits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fits schema file")
	}
	schema, err := jsonschema.NewCompiler().Compile(ts.MkAbs(args[0]))
	ts.Check(err)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	ts.Check(schema.Validate(doc))
}

func asExit(err error, target **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*target = e
	return ok
}

// buildCommand builds the command into a folder of the test's.
func buildCommand(t *testing.T, tags string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "shardquake")
	out, err := exec.Command("go", "build", "-tags", tags, "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return bin
}

func runIn(t *testing.T, dir, bin string, procs int, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(bin, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", procs))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !asExit(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// Every scenario of the library, in two processes with one and two processors.
func TestARunHasTheSameHashInEveryProcess(t *testing.T) {
	bin := buildCommand(t, "")
	for _, name := range scenarios.Library() {
		t.Run(name, func(t *testing.T) {
			type hashes struct {
				Hash string `json:"trace_hash"`
				SHA  string `json:"trace_sha256"`
			}
			var seen [2]hashes
			for i := range seen {
				dir := t.TempDir()
				out, code := runIn(t, dir, bin, i+1, "run", name, "-q", "--out", "out")
				require.Zero(t, code, out)
				text, err := os.ReadFile(filepath.Join(dir, "out", "report.json"))
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(text, &seen[i]))
				require.Len(t, seen[i].Hash, 16)
			}
			assert.Equal(t, seen[0], seen[1])
		})
	}
}

// A build with a map iteration planted into the controller's start is caught, and the
// first event that differs is named.
func TestAPlantedMapIterationIsCaught(t *testing.T) {
	bin := buildCommand(t, "plantedmap")
	out, code := runIn(t, t.TempDir(), bin, 2, "run", "naive-threshold-storm", "--check-determinism", "--set", "duration=101s")
	assert.Equal(t, exit.CodeFail, code, out)
	assert.Contains(t, out, "the first event that differs is number")
}
