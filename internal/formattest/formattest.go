// Package formattest holds a file format to what earlier versions wrote: each left a file in
// testdata/formats, and what stands in it has to be known and to come back when it is written
// again. A key that goes away, or means something else, takes another number of the format.
package formattest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// Kept reads a file of an earlier version into v, strictly, and looks for everything that it
// says in what v is written as.
func Kept(t *testing.T, file string, v any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "formats", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := kept(text, v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func kept(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	again, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var was, is any
	if err := json.Unmarshal(text, &was); err != nil {
		return err
	}
	if err := json.Unmarshal(again, &is); err != nil {
		return err
	}
	return holds(is, was, "$")
}

// holds returns what of a value is missing in another one, or is another there.
func holds(is, was any, path string) error {
	switch was := was.(type) {
	case map[string]any:
		object, _ := is.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(was)) {
			v, has := object[key]
			if !has {
				return fmt.Errorf("%s.%s is lost", path, key)
			}
			if err := holds(v, was[key], path+"."+key); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, _ := is.([]any)
		if len(list) != len(was) {
			return fmt.Errorf("%s has %d elements, not %d", path, len(list), len(was))
		}
		for i := range was {
			if err := holds(list[i], was[i], fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		return nil
	}
	if !reflect.DeepEqual(is, was) {
		return fmt.Errorf("%s is %v, was %v", path, is, was)
	}
	return nil
}
