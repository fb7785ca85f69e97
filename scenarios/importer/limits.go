package importer

import (
	"errors"
	"fmt"
	"io"
)

// Limits bound what a source may make the importer read.
type Limits struct {
	// Files is how many files a source may hold, listed ones that are of no use included.
	Files int
	// File and Total are bytes after unpacking.
	File, Total int64
	// Ratio is how much a packed file may swell, beyond its first 64 MB.
	Ratio int64
}

// DefaultLimits are generous: states of thousands of nodes are below 2 GB.
func DefaultLimits() Limits {
	return Limits{Files: 20_000, File: 4 << 30, Total: 16 << 30, Ratio: 200}
}

// errTooLarge marks a source that would not end.
var errTooLarge = errors.New("beyond what an import reads")

// budget is what is left of the limits of one source.
type budget struct {
	limits Limits
	files  int
	total  int64
}

func (b *budget) file(name string) error {
	if b.files++; b.files > b.limits.Files {
		return fmt.Errorf("%w: more than %d files, at %s", errTooLarge, b.limits.Files, clip(name))
	}
	return nil
}

// bounded reads no more than the limits allow. packed is how many bytes it was unpacked
// from; -1 unknown.
type bounded struct {
	r      io.Reader
	b      *budget
	name   string
	read   int64
	packed int64
}

// smallBomb is what any packed file may unpack to.
const smallBomb = 64 << 20

func (r *bounded) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.read += int64(n)
	r.b.total += int64(n)
	switch l := r.b.limits; {
	case r.read > l.File:
		return n, fmt.Errorf("%w: %s unpacks to more than %d MB", errTooLarge, clip(r.name), l.File>>20)
	case r.b.total > l.Total:
		return n, fmt.Errorf("%w: the source unpacks to more than %d MB", errTooLarge, l.Total>>20)
	case r.packed >= 0 && r.read > smallBomb && r.read > r.packed*l.Ratio:
		return n, fmt.Errorf("%w: %s swells to more than %d times its size", errTooLarge, clip(r.name), l.Ratio)
	}
	return n, err
}

// clip makes a name from outside fit to be printed.
func clip(name string) string {
	const most = 120
	out := []rune(name)
	if len(out) > most {
		out = append(out[:most:most], '…')
	}
	for i, c := range out {
		if c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0) {
			out[i] = '?'
		}
	}
	return string(out)
}
