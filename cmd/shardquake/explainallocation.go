package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/recovery"
)

// longestExplanation bounds what is read of a file: a node takes some kilobytes.
const longestExplanation = 64 << 20

// explainAll explains the documents of files, of standard input where there is none.
func explainAll(files []string, in io.Reader, out io.Writer) error {
	if len(files) == 0 {
		return explainFrom("standard input", in, out)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return exit.Usage(err)
		}
		err = explainFrom(name, f, out)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// explainFrom explains the documents of one file: one or several, one after the other.
func explainFrom(name string, in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(io.LimitReader(in, longestExplanation+1))
	if err != nil {
		return err
	}
	if len(text) > longestExplanation {
		return exit.Usage(fmt.Errorf("%s: longer than %d bytes", name, longestExplanation))
	}
	documents := json.NewDecoder(bytes.NewReader(text))
	for n := 0; ; n++ {
		begin := documents.InputOffset()
		var one json.RawMessage
		err := documents.Decode(&one)
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case err != nil:
			return exit.Usage(fmt.Errorf("%s:%d: no JSON of _cluster/allocation/explain: %w", name, line(text, documents.InputOffset()), err))
		}
		x, err := explanation(one)
		if err != nil {
			return exit.Usage(fmt.Errorf("%s:%d: %w", name, line(text, begin), err))
		}
		if _, err := io.WriteString(out, recovery.Advise(x).Text()); err != nil {
			return err
		}
	}
}

// explanation reads a document, and finds those that are something else.
func explanation(document []byte) (controller.AllocationExplanation, error) {
	var kind struct {
		State string `json:"current_state"`
		Error *struct {
			Reason string `json:"reason"`
		} `json:"error"`
	}
	if err := json.Unmarshal(document, &kind); err != nil {
		return controller.AllocationExplanation{}, fmt.Errorf("no answer of _cluster/allocation/explain: %w", err)
	}
	switch {
	case kind.Error != nil:
		return controller.AllocationExplanation{}, fmt.Errorf("this is an error of Elasticsearch: %s", kind.Error.Reason)
	case kind.State == "":
		return controller.AllocationExplanation{}, errors.New("no answer of _cluster/allocation/explain: it has no current_state")
	}
	return controller.ParseExplanation(document)
}

// line is the number of the line in which a place lies, past the white space there.
func line(text []byte, at int64) int {
	at = min(at, int64(len(text)))
	for at < int64(len(text)) && bytes.IndexByte([]byte(" \t\r\n"), text[at]) >= 0 {
		at++
	}
	return 1 + bytes.Count(text[:at], []byte("\n"))
}
