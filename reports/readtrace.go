package reports

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// ReadTrace reads the trace of a run without its head, which the first traces did not
// have. It is an error when it is not the trace that report.json tells of: one that was
// cut off or changed proves nothing.
func ReadTrace(dir string, rep *Report) ([]byte, error) {
	path := filepath.Join(dir, FileTrace)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	var head traceHead
	if err := json.Unmarshal(first, &head); len(data) > 0 && err != nil {
		return nil, fmt.Errorf("%s:1: %w", path, err)
	}
	if head.Kind == "head" {
		if head.Schema != TraceSchema {
			return nil, fmt.Errorf("%s:1: schema %q; this version reads %q", path, head.Schema, TraceSchema)
		}
		data = rest
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != rep.TraceSHA256 {
		return nil, fmt.Errorf("%s has the hash %s, %s tells of %s: it was cut off or changed since", path, short(got), FileReport, short(rep.TraceSHA256))
	}
	return data, nil
}

func short(hash string) string { return hash[:min(12, len(hash))] }
