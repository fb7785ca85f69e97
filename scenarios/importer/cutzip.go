package importer

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Of a zip file's local headers (APPNOTE.TXT 4.3.7).
const (
	localHeader    = 0x04034b50
	dataDescriptor = 0x08074b50
	stored         = 0
	deflated       = 8
)

// walkCutZip reads a zip file whose table of contents is missing, as of a download that was
// broken off: entry by entry from the front, as far as it goes.
func walkCutZip(r *bufio.Reader, b *budget, v visit, why error) ([]string, error) {
	read := 0
	for {
		name, err := nextEntry(r, b, v)
		switch {
		case err == nil && name == "":
			return []string{fmt.Sprintf("the zip file is damaged (%v); %d files in it could be read", why, read)}, nil
		case err == nil:
			read++
		case errors.Is(err, errTooLarge):
			return nil, err
		case errors.Is(err, errCut) && read > 0:
			return []string{fmt.Sprintf("the zip file is cut off in %s; %d files before it could be read", clip(name), read)}, nil
		case errors.Is(err, errCut):
			return nil, fmt.Errorf("the zip file is cut off before its first file ends (%w)", why)
		default:
			return nil, err
		}
	}
}

// errCut is the end of what is there.
var errCut = errors.New("cut off")

// nextEntry reads one entry; an empty name says that there is none here.
func nextEntry(r *bufio.Reader, b *budget, v visit) (string, error) {
	var h [30]byte
	if _, err := io.ReadFull(r, h[:]); err != nil || binary.LittleEndian.Uint32(h[:]) != localHeader {
		return "", nil //nolint:nilerr // the entries have ended, in whatever way
	}
	flags, method := binary.LittleEndian.Uint16(h[6:]), binary.LittleEndian.Uint16(h[8:])
	size := int64(binary.LittleEndian.Uint32(h[18:]))
	name := make([]byte, binary.LittleEndian.Uint16(h[26:]))
	if _, err := io.ReadFull(r, name); err != nil {
		return "its header", errCut
	}
	if _, err := r.Discard(int(binary.LittleEndian.Uint16(h[28:]))); err != nil {
		return string(name), errCut
	}
	if err := errors.Join(b.file(string(name)), safe(string(name))); err != nil {
		return string(name), err
	}
	streamed := flags&8 != 0 // its sizes stand behind it
	var body io.Reader
	switch {
	case method == deflated:
		body = flate.NewReader(r) // ends by itself, and reads no byte too many of a bufio.Reader
	case method == stored && !streamed:
		body = io.LimitReader(r, size)
	default:
		return string(name), fmt.Errorf("%s: packed in a way (%d) that can't be read without the table of contents", clip(string(name)), method)
	}
	watched := &sticky{r: &bounded{r: body, b: b, name: string(name), packed: -1}}
	var err error
	if useful(string(name)) && size+int64(flags&8) > 0 {
		err = v(string(name), time.Time{}, watched)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, watched)
	}
	switch {
	case errors.Is(err, errTooLarge):
		return string(name), err
	case watched.err != nil || err != nil:
		return string(name), errCut
	case streamed:
		return string(name), skipDescriptor(r)
	}
	return string(name), nil
}

// skipDescriptor passes over checksum and sizes behind an entry.
func skipDescriptor(r *bufio.Reader) error {
	sig, err := r.Peek(4)
	if err != nil {
		return nil //nolint:nilerr // the next header is not there either
	}
	n := 12
	if binary.LittleEndian.Uint32(sig) == dataDescriptor {
		n = 16
	}
	if next, err := r.Peek(n + 12); err == nil && binary.LittleEndian.Uint32(next[n:]) != localHeader && binary.LittleEndian.Uint32(next[n+8:]) == localHeader {
		n += 8 // sizes of 64 bits
	}
	_, _ = r.Discard(n)
	return nil
}

// sticky remembers the error that a stream ended with.
type sticky struct {
	r   io.Reader
	err error
}

func (s *sticky) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
