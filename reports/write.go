package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/scenarios"
)

// Names of the files that a run leaves.
const (
	FileReport   = "report.json"
	FileHTML     = "report.html"
	FileJUnit    = "junit.xml"
	FileSummary  = "summary.md"
	FilePlan     = "plan.json"
	FileScenario = "scenario.yaml"
	FileTrace    = "trace.jsonl"
	FileCluster  = "cluster.json.gz"
	// FilePlanning is what a plan of a cluster's losses leaves; plan.json is the faults of a run.
	FilePlanning = "planning.json"
)

// Plan is plan.json: with scenario.yaml beside it, all that a replay needs.
type Plan struct {
	// Schema is "" and Version empty in the first plans, which had neither.
	Schema   string          `json:"schema"`
	Version  version.Build   `json:"version"`
	Scenario string          `json:"scenario"`
	File     string          `json:"file"`
	Backend  string          `json:"backend"`
	Scale    scenarios.Scale `json:"scale"`
	Seed     uint64          `json:"seed"`
	Plan     chaos.Plan      `json:"plan"`
	// Varied is what the seed drew where the scenario varies; a replay takes it from here.
	Varied []scenarios.Draw `json:"varied,omitempty"`
	// Calibration is the constants of the simulator where the run was given its own.
	Calibration json.RawMessage `json:"calibration,omitempty"`
	// Cluster is the hash of the cluster that the scenario takes from a file; a copy of the
	// file stands beside.
	Cluster string `json:"cluster_sha256,omitempty"`
}

// Write scores a run and writes its files into dir, all or none: they are made in a
// folder beside it that takes its place at the end. What an earlier run left in dir
// is replaced; a folder that holds anything else is refused.
func Write(dir string, res *scenarios.Result) (*Report, error) {
	rep, trace, err := Traced(res)
	if err != nil {
		return nil, err
	}
	plan := Plan{
		Schema: PlanSchema, Version: rep.Version, Scenario: res.Scenario.Name, File: filepath.Base(res.File), Backend: res.Backend,
		Scale: res.Scale, Seed: res.Seed, Plan: res.Plan, Varied: res.Draws, Calibration: res.Calibration,
	}
	var cluster []file
	if im := res.Scenario.TakenFrom(); im != nil {
		plan.Cluster, cluster = im.SHA256, []file{{FileCluster, im.Data}}
	}
	head, err := TraceHead(rep)
	if err != nil {
		return nil, err
	}
	page, err := HTML(rep, res, ReplayCommand(dir))
	if err != nil {
		return nil, err
	}
	files := append(cluster, []file{
		{FileTrace, append(head, trace...)}, {FileScenario, res.Text}, {FileSummary, Markdown(rep, ReplayCommand(dir))}, {FileHTML, page},
	}...)
	for _, doc := range []struct {
		name string
		data any
	}{{FileReport, rep}, {FilePlan, plan}} {
		text, err := marshal(doc.data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doc.name, err)
		}
		files = append(files, file{doc.name, text})
	}
	junit, err := JUnit([]*Report{rep})
	if err != nil {
		return nil, err
	}
	plots, err := Plots(res)
	if err != nil {
		return nil, err
	}
	files = append(append(files, file{FileJUnit, junit}), plots...)
	return rep, writeDir(dir, files)
}

// ReplayCommand is what repeats the run whose files are in dir.
func ReplayCommand(dir string) string { return CommandLine("shardquake", "replay", dir) }

// CommandLine joins words for a shell, quoted where it would take them apart.
func CommandLine(words ...string) string {
	out := make([]string, len(words))
	for i, w := range words {
		if out[i] = w; w == "" || strings.ContainsAny(w, " \t\n'\"$`\\*?[](){}<>|&;#~!") {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// file is a file to be written.
type file struct {
	name string
	data []byte
}

// NamedFile is a file of a folder that is written as a whole.
type NamedFile struct {
	Name string
	Data []byte
}

// WriteFiles leaves files in dir as runs do: all or none, in place of those of an earlier
// run. One of them must be a file by which such a folder is known.
func WriteFiles(dir string, files []NamedFile) error {
	var out []file
	for _, f := range files {
		out = append(out, file{f.Name, f.Data})
	}
	return writeDir(dir, out)
}

func marshal(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// CheckDir says why a run could not leave its files in dir, before it begins.
func CheckDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	ours := len(entries) == 0
	for _, e := range entries {
		ours = ours || e.Name() == FileReport || e.Name() == FileSweep || e.Name() == FilePlanning || e.Name() == FileExplore
	}
	if !ours {
		return fmt.Errorf("output folder %s holds files that no run has left there; name another with --out", dir)
	}
	return nil
}

// Writable says why nothing could be written to dir, which need not be there yet: the
// nearest folder above that is there must let files be made in it. It is asked before a
// run, which may take minutes.
func Writable(dir string) error {
	for parent := filepath.Dir(filepath.Clean(dir)); ; parent = filepath.Dir(parent) {
		made, err := os.MkdirTemp(parent, ".shardquake-*")
		if err == nil {
			return os.Remove(made)
		}
		if !errors.Is(err, fs.ErrNotExist) || parent == filepath.Dir(parent) {
			return fmt.Errorf("output folder: %w", err)
		}
	}
}

// writeDir makes dir hold these files and no others.
func writeDir(dir string, files []file) (err error) {
	if err := CheckDir(dir); err != nil {
		return err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	made, err := os.MkdirTemp(parent, ".shardquake-*")
	if err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(made)
		}
	}()
	slices.SortFunc(files, func(a, b file) int { //determinism:allow sort-ties names are unique
		if a.name < b.name {
			return -1
		}
		return 1
	})
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(made, f.name), f.data, 0o644); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	if err := os.Chmod(made, 0o755); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("replacing the output of an earlier run: %w", err)
	}
	if err := os.Rename(made, dir); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	return nil
}

// ReadReport reads the report.json of a run.
func ReadReport(dir string) (*Report, error) {
	var r Report
	if err := readJSON(filepath.Join(dir, FileReport), &r); err != nil {
		return nil, err
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("%s: schema %q; this version reads %q", filepath.Join(dir, FileReport), r.Schema, Schema)
	}
	return &r, nil
}

// ReadPlan reads what a replay needs: the plan and the scenario's text.
func ReadPlan(dir string) (*Plan, []byte, error) {
	var p Plan
	if err := readJSON(filepath.Join(dir, FilePlan), &p); err != nil {
		return nil, nil, err
	}
	if p.Schema != "" && p.Schema != PlanSchema {
		return nil, nil, fmt.Errorf("%s: schema %q; this version reads %q", filepath.Join(dir, FilePlan), p.Schema, PlanSchema)
	}
	text, err := os.ReadFile(filepath.Join(dir, FileScenario))
	if err != nil {
		return nil, nil, err
	}
	return &p, text, nil
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
