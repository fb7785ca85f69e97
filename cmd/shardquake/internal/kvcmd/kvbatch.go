package kvcmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// kvLine is a key and its value as a line of JSON. What is no text is given as base64.
type kvLine struct {
	Key       *string `json:"key,omitempty"`
	KeyBytes  []byte  `json:"key_base64,omitempty"`
	Value     string  `json:"value,omitempty"`
	ValueRaw  []byte  `json:"value_base64,omitempty"`
	DeleteKey bool    `json:"delete,omitempty"`
}

// lineOf is the line that makes an item.
func lineOf(i wire.Item) kvLine {
	l := kvLine{Key: &i.Key}
	if !utf8.ValidString(i.Key) {
		l.Key, l.KeyBytes = nil, []byte(i.Key)
	}
	if l.Value = string(i.Value); !utf8.Valid(i.Value) {
		l.Value, l.ValueRaw = "", i.Value
	}
	return l
}

// op is what a line asks for.
func (l *kvLine) op() (wire.Op, error) {
	key, value := string(l.KeyBytes), []byte(l.Value)
	switch {
	case l.Key != nil && l.KeyBytes != nil, l.Value != "" && l.ValueRaw != nil:
		return wire.Op{}, errors.New("key and key_base64, or value and value_base64, are given both")
	case l.Key == nil && l.KeyBytes == nil:
		return wire.Op{}, errors.New("key is missing")
	case l.Key != nil:
		key = *l.Key
	}
	if l.ValueRaw != nil {
		value = l.ValueRaw
	}
	switch {
	case l.DeleteKey && len(value) > 0:
		return wire.Op{}, errors.New("a deletion has no value")
	case l.DeleteKey:
		return client.DeleteOp(key), nil
	}
	return client.PutOp(key, value), nil
}

// batchBytes is how much is sent together at the most.
const batchBytes = 1 << 20

func newKVBatchCommand(f *kvFlags) *cobra.Command {
	var level string
	cmd := &cobra.Command{
		Use:   "batch FILE|-",
		Short: "Write and delete many keys, as lines of JSON say",
		Long: `Batch writes and deletes keys, a line of JSON each: {"key": "a", "value": "1"}, or
{"key": "b", "delete": true}; key_base64 and value_base64 are for what is no text. Keys of one
shard are written together, but not the whole: if it fails, what was done is said, and the
same file may be given again.`,
		Example: "  shardquake kv batch keys.jsonl",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return exit.Usage(err)
				}
				defer file.Close() //nolint:errcheck // it was only read
				in = file
			}
			return f.database(cmd, level, func(ctx context.Context, s *kvSession) error {
				done, err := writeLines(ctx, s, args[0], in)
				fmt.Fprintf(cmd.OutOrStdout(), "%d lines done\n", done)
				return err
			})
		},
	}
	levelFlag(cmd, &level)
	return cmd
}

// writeLines writes what the lines say, as they come, and returns how many are done.
func writeLines(ctx context.Context, s *kvSession, name string, in io.Reader) (done int, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 4*wire.MaxValue)
	var ops []wire.Op
	size := 0
	flush := func() error {
		if err := s.db.Batch(ctx, ops, s.options...); err != nil {
			return describeBatch(err)
		}
		done += len(ops)
		ops, size = nil, 0
		return nil
	}
	for number := 1; lines.Scan(); number++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var l kvLine
		strict := json.NewDecoder(strings.NewReader(lines.Text()))
		strict.DisallowUnknownFields()
		err := strict.Decode(&l)
		var op wire.Op
		if err == nil {
			op, err = l.op()
		}
		if err != nil {
			return done, exit.Usagef("%s:%d: %w (%d of the lines before it are done)", name, number, err, done)
		}
		ops = append(ops, op)
		if size += len(op.Key) + len(op.Value); len(ops) == wire.MaxOps || size >= batchBytes {
			if err := flush(); err != nil {
				return done, err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return done, exit.Usagef("%s: %w", name, err)
	}
	return done, flush()
}

// describeBatch adds to an error which keys it is about.
func describeBatch(err error) error {
	var part *client.BatchError
	if !errors.As(err, &part) {
		return err
	}
	for _, list := range []struct {
		what string
		keys []string
	}{{"not written", part.NotDone}, {"unknown", part.Unknown}} {
		if n := len(list.keys); n > 0 {
			err = fmt.Errorf("%w; %s: %s", err, list.what, fewKeys(list.keys))
		}
	}
	return err
}

// fewKeys names the first of many keys.
func fewKeys(keys []string) string {
	const most = 10
	var text []string
	for i, k := range keys {
		if i == most {
			text = append(text, fmt.Sprintf("and %d more", len(keys)-most))
			break
		}
		text = append(text, quoteKey(k, `""`))
	}
	return strings.Join(text, ", ")
}
