package kvcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/tcp"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// kvSession is a client of the cluster for one command.
type kvSession struct {
	db *client.DB
	// options are those of every operation: level and deadline.
	options []client.Option
	warn    io.Writer
	limit   time.Duration
}

// patience tells now and then why a command is not done yet.
func (s *kvSession) patience() func(int, error) {
	var mu sync.Mutex
	told := time.Now()
	return func(_ int, why error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(told) < 3*time.Second {
			return
		}
		told = time.Now()
		fmt.Fprintf(s.warn, "still trying: %v\n", why)
	}
}

// database runs do with a client. Level is "" for operations that have none.
func (f *kvFlags) database(cmd *cobra.Command, level string, do func(context.Context, *kvSession) error) error {
	cfg, err := f.config("client")
	if err != nil {
		return err
	}
	limit := cmp.Or(f.timeout, kvDataTimeout)
	s := &kvSession{warn: cmd.ErrOrStderr(), limit: limit, options: []client.Option{client.Within(limit)}}
	if level != "" {
		l, err := client.ParseLevel(level)
		if err != nil {
			return exit.Usage(err)
		}
		s.options = append(s.options, client.At(l))
	}
	transport := tcp.NewClient(cfg)
	defer transport.Close()
	s.db, err = client.Open(client.Config{Transport: transport, Admin: transport, Timeout: limit, OnRetry: s.patience()})
	if err != nil {
		return err
	}
	err = kvExit(do(cmd.Context(), s))
	var told *exit.Error
	if errors.As(err, &told) && (told.Code == exit.CodeUnavailable || told.Code == exit.CodeUnknown) {
		s.explain(cmd.Context(), transport)
	}
	return err
}

// explain says how the nodes are that aren't well, as the leader of the metadata group knows:
// who waited for an answer in vain doesn't know what was in the way.
func (s *kvSession) explain(ctx context.Context, transport *tcp.Client) {
	ctx, cancel := context.WithTimeout(ctx, rollPatience)
	defer cancel()
	r, err := transport.Command(ctx, wire.Command{Kind: wire.GetState})
	if err != nil || r.State == nil || len(r.Health) == 0 {
		return // that nobody answers was said already
	}
	for i := range r.State.Members {
		m := &r.State.Members[i]
		if how := health(r, m); m.State == wire.Active && how != "well" {
			fmt.Fprintf(s.warn, "node %s: %s\n", m.ID, how)
		}
	}
	for i := range r.Health {
		if h := &r.Health[i]; h.Note != "" {
			fmt.Fprintf(s.warn, "node %s: %s\n", h.Node, h.Note)
		}
	}
}

// kvExit gives a client's error its exit code.
func kvExit(err error) error {
	code := exit.CodeDefect
	var told *exit.Error
	switch {
	case err == nil || errors.As(err, &told):
		return err
	case errors.Is(err, client.ErrUnknown):
		code = exit.CodeUnknown
	case errors.Is(err, client.ErrInvalid):
		code = exit.CodeUsage
	case errors.Is(err, client.ErrUnavailable):
		code = exit.CodeUnavailable
	case errors.Is(err, client.ErrCondition), errors.Is(err, client.ErrConflict), errors.Is(err, client.ErrPartial):
		code = exit.CodeFail
	case errors.Is(err, context.Canceled):
		code = exit.CodeAborted
	case errors.Is(err, context.DeadlineExceeded):
		code = exit.CodeUnavailable
	}
	return &exit.Error{Code: code, Err: err}
}

// showValue prints a value so that it stays on its line and does nothing to the terminal: as
// it is if it can be printed, else quoted.
func showValue(v []byte) string {
	if !utf8.Valid(v) {
		return strconv.Quote(string(v))
	}
	for _, r := range string(v) {
		if !unicode.IsPrint(r) && r != '\t' {
			return strconv.Quote(string(v))
		}
	}
	return string(v)
}

func levelFlag(cmd *cobra.Command, level *string) {
	cmd.Flags().StringVar(level, "level", "", "how many copies must take part: one, quorum or all; without, what the cluster's settings say")
}

// weak warns of what level ONE means.
func (s *kvSession) weak(r client.Result, what string) {
	if r.Weak {
		fmt.Fprintln(s.warn, "shardquake: level one: "+what)
	}
}

const (
	weakRead  = "the answer may be stale"
	weakWrite = "it may be lost if the primary fails now"
)

func newKVGetCommand(f *kvFlags) *cobra.Command {
	var level string
	version, raw := false, false
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a key",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.database(cmd, level, func(ctx context.Context, s *kvSession) error {
				r, err := s.db.Get(ctx, args[0], s.options...)
				if err != nil {
					return err
				}
				s.weak(r, weakRead)
				if !r.Found {
					return &exit.Error{Code: exit.CodeFail, Err: fmt.Errorf("there is no key %q", args[0])}
				}
				if version {
					fmt.Fprintf(cmd.OutOrStdout(), "%d\t", r.Version)
				}
				if raw {
					_, err := cmd.OutOrStdout().Write(r.Value)
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), showValue(r.Value))
				return nil
			})
		},
	}
	levelFlag(cmd, &level)
	cmd.Flags().BoolVar(&version, "version", false, "print the key's version before the value")
	cmd.Flags().BoolVar(&raw, "raw", false, "print the value byte by byte as it is, and nothing else")
	cmd.MarkFlagsMutuallyExclusive("version", "raw")
	return cmd
}

// kvCondition is what a put may ask of the key first.
type kvCondition struct {
	missing bool
	value   string
	version uint64
}

func newKVPutCommand(f *kvFlags) *cobra.Command {
	var level string
	var c kvCondition
	cmd := &cobra.Command{
		Use:   "put KEY VALUE|-",
		Short: "Store a value at a key; - reads it from the standard input",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			value := []byte(args[1])
			if args[1] == "-" {
				var err error
				if value, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), wire.MaxValue+1)); err != nil {
					return exit.Usage(err)
				}
			}
			return f.database(cmd, level, func(ctx context.Context, s *kvSession) error {
				r, err := c.put(ctx, cmd, s, args[0], value)
				if err != nil {
					return err
				}
				s.weak(r, weakWrite)
				fmt.Fprintf(cmd.OutOrStdout(), "version %d\n", r.Version)
				return nil
			})
		},
	}
	levelFlag(cmd, &level)
	flags := cmd.Flags()
	flags.BoolVar(&c.missing, "if-missing", false, "only if there is no such key")
	flags.StringVar(&c.value, "if-value", "", "only if the key has this value")
	flags.Uint64Var(&c.version, "if-version", 0, "only if the key has this version")
	cmd.MarkFlagsMutuallyExclusive("if-missing", "if-value", "if-version")
	return cmd
}

func (c *kvCondition) put(ctx context.Context, cmd *cobra.Command, s *kvSession, key string, value []byte) (client.Result, error) {
	switch {
	case c.missing:
		return s.db.PutVersion(ctx, key, 0, value, s.options...)
	case cmd.Flags().Changed("if-value"):
		return s.db.CompareAndSet(ctx, key, []byte(c.value), value, s.options...)
	case cmd.Flags().Changed("if-version"):
		return s.db.PutVersion(ctx, key, c.version, value, s.options...)
	}
	return s.db.Put(ctx, key, value, s.options...)
}

func newKVDeleteCommand(f *kvFlags) *cobra.Command {
	var level string
	cmd := &cobra.Command{
		Use:   "delete KEY",
		Short: "Remove a key",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.database(cmd, level, func(ctx context.Context, s *kvSession) error {
				r, err := s.db.Delete(ctx, args[0], s.options...)
				if err == nil {
					s.weak(r, weakWrite)
				}
				return err
			})
		},
	}
	levelFlag(cmd, &level)
	return cmd
}

func newKVScanCommand(f *kvFlags) *cobra.Command {
	var level string
	limit := 0
	cmd := &cobra.Command{
		Use:   "scan [FROM [TO]]",
		Short: "Print the keys of [FROM, TO) with their values, in order",
		Args:  cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return exit.Usagef("--limit %d: expected a number that isn't negative", limit)
			}
			args = append(args, "", "")
			return f.database(cmd, level, func(ctx context.Context, s *kvSession) error {
				items, err := s.db.Scan(ctx, args[0], args[1], limit, s.options...)
				for _, i := range items {
					fmt.Fprintf(cmd.OutOrStdout(), "%s\t%s\n", strconv.Quote(i.Key), showValue(i.Value))
				}
				s.weak(client.Result{Weak: strings.EqualFold(level, client.One.String())}, weakRead)
				return err
			})
		},
	}
	levelFlag(cmd, &level)
	cmd.Flags().IntVar(&limit, "limit", 1000, "print so many at most; 0: all")
	return cmd
}

func newKVTxnCommand(f *kvFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "txn {get KEY | put KEY VALUE | delete KEY}…",
		Short: "Do several things at once, or none of them",
		Long: `Txn is a transaction: gets are printed in their order, puts and deletes are done
together when all are through, on however many shards, if nothing that was read has changed
meanwhile.`,
		Example: `  shardquake kv txn get a put b 2 delete c`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			steps, err := ParseSteps(args)
			if err != nil {
				return exit.Usage(err)
			}
			return f.database(cmd, "", func(ctx context.Context, s *kvSession) error {
				t := s.db.Begin()
				for _, step := range steps {
					if err := step.do(ctx, t, cmd.OutOrStdout()); err != nil {
						return err
					}
				}
				return t.Commit(ctx)
			})
		},
	}
}

// TxnStep is one thing that a transaction does.
type TxnStep struct{ What, Key, Value string }

func (s *TxnStep) do(ctx context.Context, t *client.Txn, out io.Writer) error {
	switch s.What {
	case "put":
		t.Put(s.Key, []byte(s.Value))
	case "delete":
		t.Delete(s.Key)
	default:
		r, err := t.Get(ctx, s.Key)
		if err != nil {
			return err
		}
		if r.Found {
			fmt.Fprintf(out, "%s\t%s\n", strconv.Quote(s.Key), showValue(r.Value))
		} else {
			fmt.Fprintf(out, "%s is missing\n", strconv.Quote(s.Key))
		}
	}
	return nil
}

// ParseSteps reads "put KEY VALUE delete KEY …".
func ParseSteps(args []string) ([]TxnStep, error) {
	var steps []TxnStep
	for len(args) > 0 {
		need := map[string]int{"get": 2, "put": 3, "delete": 2}[args[0]]
		switch {
		case need == 0:
			return nil, fmt.Errorf("%q: expected get, put or delete", args[0])
		case len(args) < need:
			return nil, fmt.Errorf("%s: a key or value is missing", args[0])
		}
		s := TxnStep{What: args[0], Key: args[1]}
		if need == 3 {
			s.Value = args[2]
		}
		steps, args = append(steps, s), args[need:]
	}
	return steps, nil
}
