package contract

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

//go:embed contract.json
var contractText []byte

// File is where Recorded comes from, in this package's folder.
const File = "contract.json"

// Entry is a request and the structure of its answer.
type Entry struct {
	Request string   `json:"request"`
	Body    string   `json:"body,omitempty"`
	Headers []string `json:"headers,omitempty"`
	Answer  Answer   `json:"answer"`
}

// EntryOf is the entry for a request that was answered.
func EntryOf(q Request, r Reply) Entry {
	return Entry{Request: q.Method + " " + q.URI, Body: q.Body, Headers: q.Headers, Answer: Reduce(r)}
}

// Recorded is the contract, an entry for each of the Requests.
func Recorded() ([]Entry, error) {
	var entries []Entry
	if err := json.Unmarshal(contractText, &entries); err != nil {
		return nil, fmt.Errorf("%s: %w", File, err)
	}
	for i, q := range requests {
		if i >= len(entries) || entries[i].Request != q.Method+" "+q.URI {
			return nil, fmt.Errorf("%s: entry %d is not %s %s: the contract has to be recorded again", File, i, q.Method, q.URI)
		}
	}
	return entries, nil
}

// Reply is an HTTP answer.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Ask sends a request to the node at a base URL.
func Ask(client http.RoundTripper, base string, q Request) (Reply, error) {
	var content io.Reader
	if q.Body != "" {
		content = strings.NewReader(q.Body)
	}
	req, err := http.NewRequest(q.Method, base+q.URI, content)
	if err != nil {
		return Reply{}, err
	}
	if q.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(q.Headers); i += 2 {
		if req.Header.Del(q.Headers[i]); q.Headers[i+1] != "" {
			req.Header.Set(q.Headers[i], q.Headers[i+1])
		}
	}
	resp, err := client.RoundTrip(req)
	if err != nil {
		return Reply{}, err
	}
	text, err := io.ReadAll(resp.Body)
	if closing := resp.Body.Close(); err == nil {
		err = closing
	}
	return Reply{Status: resp.StatusCode, Header: resp.Header, Body: string(text)}, err
}

// Marshal writes the contract a request a line, so that changes read well.
func Marshal(entries []Entry) ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteString("[\n")
	for i, e := range entries {
		var line bytes.Buffer
		enc := json.NewEncoder(&line)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(e); err != nil {
			return nil, err
		}
		buf.Write(bytes.TrimRight(line.Bytes(), "\n"))
		if i < len(entries)-1 {
			buf.WriteByte(',')
		}
		buf.WriteByte('\n')
	}
	buf.WriteString("]\n")
	return buf.Bytes(), nil
}
