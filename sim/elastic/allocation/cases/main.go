package cases

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// Options of [Main].
type Options struct {
	// Type is "balanced", "desired_balance" or "" for both.
	Type string
	// Verify compares with the recorded decisions instead of writing decisions.
	Verify bool
}

// Main reads cases, JSON Lines or that gzipped, from files, or from stdin if there are
// none ("-" stands for it too), one at a time. It writes every case with its decisions,
// or, to verify, a table of how many cases agree and the first difference of each
// family. differ reports a difference; an error means that the input is not as it
// should be, or that ctx ended.
func Main(ctx context.Context, files []string, stdin io.Reader, out io.Writer, opts Options) (differ bool, err error) {
	types := []string{settings.Balanced, settings.DesiredBalance}
	switch opts.Type {
	case "":
	case settings.Balanced, settings.DesiredBalance:
		types = []string{opts.Type}
	default:
		return false, fmt.Errorf("unknown allocator type %q (balanced or desired_balance)", opts.Type)
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	w := bufio.NewWriter(out)
	use := func(c *Case) error { return write(w, c, types) }
	report := newReport(types)
	if opts.Verify {
		use = report.add
	}
	for _, name := range files {
		if err := readFile(ctx, name, stdin, use); err != nil {
			return false, errors.Join(err, w.Flush())
		}
	}
	if opts.Verify {
		if err := report.write(w); err != nil {
			return false, err
		}
	}
	return report.differ(), w.Flush()
}

// write runs a case and writes it with its decisions.
func write(w io.Writer, c *Case, types []string) error {
	expected := &Expected{}
	for _, t := range types {
		r, err := Run(c, t)
		if err != nil {
			return err
		}
		if t == settings.Balanced {
			expected.Balanced = r
		} else {
			expected.DesiredBalance = r
		}
	}
	done := *c
	done.Expected = expected
	line, err := json.Marshal(done)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// readFile calls use with every case of a file.
func readFile(ctx context.Context, name string, stdin io.Reader, use func(*Case) error) error {
	in := stdin
	if name == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	return Read(ctx, name, in, use)
}

// Read calls use with every case of a stream, plain or gzipped. Errors name the stream
// and the line.
func Read(ctx context.Context, name string, in io.Reader, use func(*Case) error) error {
	r := bufio.NewReaderSize(in, 1<<16)
	if magic, _ := r.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r = bufio.NewReaderSize(z, 1<<16)
	}
	for number := 1; ; number++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			c, err := Parse(text)
			if err == nil {
				err = use(c)
			}
			if err != nil {
				return fmt.Errorf("%s:%d: %w", name, number, err)
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// Parse reads one case and checks it.
func Parse(line []byte) (*Case, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	c := &Case{}
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("not a case: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one value on the line")
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("case %s: %w", c.Name, err)
	}
	return c, nil
}
