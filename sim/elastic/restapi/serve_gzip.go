package restapi

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// errTooLarge is the refusal of a body that is larger than a node takes.
var errTooLarge = errors.New("too large")

// readAll reads a request's body, unpacked where it was sent packed; the limit is that of what
// comes out.
func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var from io.Reader = http.MaxBytesReader(w, r.Body, maxBody)
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(from)
		if errors.Is(err, io.EOF) {
			return nil, nil // nothing was sent
		}
		if err != nil {
			return nil, fmt.Errorf("the body is no gzip: %w", err)
		}
		from = unpacked
	default:
		return nil, fmt.Errorf("Content-Encoding [%s] is not supported", encoding)
	}
	body, err := io.ReadAll(io.LimitReader(from, maxBody+1))
	var large *http.MaxBytesError
	if errors.As(err, &large) || len(body) > maxBody {
		return nil, errTooLarge
	}
	return body, err
}

// send writes an answer's body, packed for a client that takes that.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	if len(body) == 0 || r.Method == http.MethodHead || !takesGzip(r) {
		w.WriteHeader(status)
		_, _ = w.Write(body) // who has gone needs no answer
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	packed := gzip.NewWriter(w)
	_, _ = packed.Write(body)
	_ = packed.Close()
}

func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(name, "gzip") && strings.TrimSpace(quality) != "q=0" {
			return true
		}
	}
	return false
}
