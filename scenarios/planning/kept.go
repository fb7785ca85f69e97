package planning

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
)

// keptSchema is the version of the form in which runs are kept.
const keptSchema = 1

// kept is a folder of what runs came to, by their content: the program, the cluster, its load
// and controller, the loss, what is expected and the seed. Whatever differs in one of these
// has another name, so that nothing kept is ever out of date; a file that does not hold what
// its name says is made anew.
type kept struct {
	dir     string
	program string
	damaged atomic.Int64
}

// openKept makes the folder where it is missing.
func openKept(dir string) (*kept, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the folder of runs that are kept: %w", err)
	}
	program, err := programHash()
	if err != nil {
		return nil, fmt.Errorf("the program itself can't be read, so that no run could be told from one of another version: %w", err)
	}
	return &kept{dir: dir, program: program}, nil
}

// programHash is the content of the program that runs: versions of the same name may differ.
func programHash() (string, error) {
	path, err := os.Executable() //determinism:allow machine it names what is kept, and changes no result
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // reading only
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// content is all that a run follows from.
type content struct {
	Schema   int
	Program  string
	Cluster  string // what it is taken from
	Scenario *scenarios.Scenario
	Nodes    []scenarios.NodeSpec
	Settings map[string]string
	Expect   []string
	Losses   Loss
	Options  scenarios.Options
}

// key names a run by its content.
func (k *kept) key(s *side, l Loss, seed uint64) (string, error) {
	drawn, err := s.loaded.Drawn(seed)
	if err != nil {
		return "", err
	}
	sc := s.scenario(drawn, l).Scenario
	c := content{Schema: keptSchema, Program: k.program, Scenario: sc, Nodes: sc.NodeSpecs(), Settings: es.EffectiveSettings(sc), Losses: l, Options: s.options(l, seed)}
	if im := sc.Imported(); im != nil {
		c.Cluster = im.SHA256
	}
	for i := range s.objectives {
		if o := &s.objectives[i]; o.after(l) {
			e := o.of(l)
			text, err := json.Marshal(e.Expectation)
			if err != nil {
				return "", fmt.Errorf("objective %s: %w", o.name, err)
			}
			c.Expect = append(c.Expect, fmt.Sprintf("%d %s %s %s %s", o.expect.Line, o.name, o.limit, e.Kind(), text))
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("%s: %w", l, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// file is a run as it is kept.
type file struct {
	Key string          `json:"key"`
	Sum string          `json:"sum"` // of Run
	Run json.RawMessage `json:"run"`
}

func (k *kept) path(key string) string { return filepath.Join(k.dir, key[:2], key+".json") }

// load is what a run came to; nil where none is kept, or what is there is damaged.
func (k *kept) load(key string) *run {
	text, err := os.ReadFile(k.path(key))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var f file
	r := &run{}
	sum := func() string { s := sha256.Sum256(f.Run); return hex.EncodeToString(s[:]) }
	if err != nil || json.Unmarshal(text, &f) != nil || f.Key != key || f.Sum != sum() || json.Unmarshal(f.Run, r) != nil {
		k.damaged.Add(1)
		return nil
	}
	return r
}

// store keeps a run: whole or not at all.
func (k *kept) store(key string, r *run) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("keeping a run: %w", err)
	}
	sum := sha256.Sum256(text)
	text, err = json.Marshal(file{key, hex.EncodeToString(sum[:]), text})
	if err != nil {
		return fmt.Errorf("keeping a run: %w", err)
	}
	path := k.path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keeping a run: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".run-*")
	if err != nil {
		return fmt.Errorf("keeping a run: %w", err)
	}
	_, err = io.Copy(tmp, bytes.NewReader(text))
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keeping a run: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}
