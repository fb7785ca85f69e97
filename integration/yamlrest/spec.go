package yamlrest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// SpecVersion is the newest version of the artifact that carries tests.
const SpecVersion = "7.10.2"

// artifact is how Maven names it.
const artifact = "org.elasticsearch:rest-api-spec:" + SpecVersion

// Spec is the APIs and the tests of the artifact.
type Spec struct {
	apis map[string]*api
	// Suites by file, in order of names.
	Suites []*Suite
}

// api is how an API is called.
type api struct {
	URL struct {
		Paths []apiPath `json:"paths"`
	} `json:"url"`
	Params map[string]struct{} `json:"params"`
	Body   *struct {
		Serialize string `json:"serialize"`
		Required  bool   `json:"required"`
	} `json:"body"`
}

// apiPath is a path of an API and what stands in its braces.
type apiPath struct {
	Path    string              `json:"path"`
	Methods []string            `json:"methods"`
	Parts   map[string]struct{} `json:"parts"`
}

// ErrNoMaven says that the command that downloads the artifact isn't there.
var ErrNoMaven = errors.New("mvn is not on PATH, which downloads the YAML REST tests")

// Fetch downloads the artifact with Maven, and leaves nothing behind.
func Fetch(ctx context.Context) (spec *Spec, err error) {
	if _, err := exec.LookPath("mvn"); err != nil {
		return nil, ErrNoMaven
	}
	dir, err := os.MkdirTemp("", "shardquake-yamlrest-")
	if err != nil {
		return nil, fmt.Errorf("the YAML REST tests: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "mvn", "-q", "-B", "-ntp", "-Dstyle.color=never", "-Dmaven.repo.local="+filepath.Join(dir, "repository"),
		"dependency:copy", "-Dartifact="+artifact, "-DoutputDirectory="+dir).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("the YAML REST tests: mvn dependency:copy of %s: %w\n%s", artifact, err, out)
	}
	jar, err := os.ReadFile(filepath.Join(dir, "rest-api-spec-"+SpecVersion+".jar"))
	if err != nil {
		return nil, fmt.Errorf("the YAML REST tests: %w", err)
	}
	return Read(jar)
}

// Read reads the artifact, a jar.
func Read(jar []byte) (*Spec, error) {
	files, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		return nil, fmt.Errorf("the YAML REST tests: %w", err)
	}
	s := &Spec{apis: map[string]*api{}}
	for _, f := range files.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if err := s.read(f); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	slices.SortFunc(s.Suites, func(a, b *Suite) int { return strings.Compare(a.Name, b.Name) })
	return s, nil
}

func (s *Spec) read(f *zip.File) error {
	dir, file := path.Split(f.Name)
	kind := path.Ext(file)
	isAPI := kind == ".json" && dir == "rest-api-spec/api/"
	isTest := kind == ".yml" && strings.HasPrefix(dir, "rest-api-spec/test/")
	if !isAPI && !isTest {
		return nil
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if isTest {
		suite, err := parseSuite(strings.TrimSuffix(strings.TrimPrefix(f.Name, "rest-api-spec/test/"), ".yml"), text)
		s.Suites = append(s.Suites, suite)
		return err
	}
	apis := map[string]*api{}
	if file == "_common.json" {
		return nil
	}
	if err := json.Unmarshal(text, &apis); err != nil {
		return err
	}
	for name, a := range apis {
		s.apis[name] = a
	}
	return nil
}

// common are the parameters that every API takes.
var common = []string{"pretty", "human", "error_trace", "source", "filter_path"}

// call is a request that an API makes of arguments.
func (s *Spec) call(name string, args map[string]any) (method, uri string, err error) {
	a := s.apis[name]
	if a == nil {
		return "", "", fmt.Errorf("there is no API %q", name)
	}
	var best *apiPath
	for i := range a.URL.Paths {
		p := &a.URL.Paths[i]
		if fits(p, args) && (best == nil || len(p.Parts) > len(best.Parts)) {
			best = p
		}
	}
	if best == nil {
		return "", "", errParam
	}
	uri = best.Path
	query := newQuery()
	for _, k := range sortedKeys(args) {
		switch {
		case k == "body" || k == "ignore":
		case has(best.Parts, k):
			uri = strings.Replace(uri, "{"+k+"}", escape(text(args[k])), 1)
		case has(a.Params, k) || slices.Contains(common, k):
			query.add(k, text(args[k]))
		default:
			return "", "", errParam
		}
	}
	return pick(best.Methods, args), uri + query.String(), nil
}

// fits reports whether the arguments have all parts of the path.
func fits(p *apiPath, args map[string]any) bool {
	for part := range p.Parts {
		if v, ok := args[part]; !ok || text(v) == "" {
			return false
		}
	}
	return true
}

// pick is the method: what takes a body needs one that may have it.
func pick(methods []string, args map[string]any) string {
	if _, body := args["body"]; body {
		for _, m := range methods {
			if m == http.MethodPost || m == http.MethodPut {
				return m
			}
		}
	}
	return methods[0]
}

func has[V any](m map[string]V, k string) bool {
	_, ok := m[k]
	return ok
}
