package kvcmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/kvcluster/tcp"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Environment variables of the kv commands, behind their flags.
const (
	KvNodesVariable = "SHARDQUAKE_KV_NODES"
	kvKeyVariable   = "SHARDQUAKE_KV_KEY"
)

// kvDefaultNodes is a cluster of three on one machine.
const kvDefaultNodes = "n1=127.0.0.1:7401,n2=127.0.0.1:7402,n3=127.0.0.1:7403"

// How long commands may take unless --timeout says otherwise. One that reads or writes keys
// outlasts a failover of a cluster with the default settings.
const (
	kvAdminTimeout = 10 * time.Second
	kvDataTimeout  = 40 * time.Second
)

// kvFlags are the words that all kv commands share.
type kvFlags struct {
	nodes, book, keyFile string
	timeout              time.Duration
}

// New is the command of a key-value cluster; rehearse is that which has one
// rehearsed.
func New(rehearse *cobra.Command) *cobra.Command {
	f := &kvFlags{}
	cmd := &cobra.Command{
		Use:   "kv",
		Short: "Run nodes of the key-value store and use them",
		Long: `Kv runs nodes of the sharded, replicated key-value store and talks to them.

Every command has an address book: --nodes, the file --book, the variable ` + KvNodesVariable + `
or, without any, three nodes on this machine. The cluster itself knows names only, so
each viewer may reach the same node by another address.

Beyond the loopback a cluster key is needed, the same for nodes and clients: the content of
--key-file or the variable ` + kvKeyVariable + `.

Exit codes: 0 done; 1 not found, or a condition or transaction failed; 2 usage; 3 no node could
do it, nothing was done; 5 it is unknown whether it was done.`,
		Example: `  shardquake kv node --id n1 --bootstrap     # three commands start a cluster
  shardquake kv node --id n2 --bootstrap
  shardquake kv node --id n3 --bootstrap
  shardquake kv put apple fruit
  shardquake kv get apple
  shardquake kv status`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.nodes, "nodes", "", "address book, `name=host:port,…`")
	flags.StringVar(&f.book, "book", "", "address book, a JSON `file`: {\"n1\": \"127.0.0.1:7401\", …}")
	flags.StringVar(&f.keyFile, "key-file", "", "`file` with the cluster key")
	flags.DurationVar(&f.timeout, "timeout", 0, "how long a command may take; without, 10s, and 40s where keys are read or written, which outlasts a failover")
	cmd.MarkFlagsMutuallyExclusive("nodes", "book")
	cmd.AddCommand(newKVNodeCommand(f), newKVStatusCommand(f), newKVShardCommand(f), newKVSplitCommand(f), newKVMergeCommand(f), newKVMoveCommand(f),
		newKVPromoteCommand(f), newKVRebalanceCommand(f), newKVDrainCommand(f), newKVSettingsCommand(f),
		newKVGetCommand(f), newKVPutCommand(f), newKVDeleteCommand(f), newKVScanCommand(f), newKVBatchCommand(f), newKVTxnCommand(f),
		newKVRecoverCommand(f), newKVBenchCommand(f), rehearse)
	return cmd
}

// addresses is the address book that the command was given.
func (f *kvFlags) addresses() (tcp.Book, error) {
	text := f.nodes
	switch {
	case f.book != "":
		return readBook(f.book)
	case text == "":
		text = os.Getenv(KvNodesVariable)
	}
	if text == "" {
		text = kvDefaultNodes
	}
	book, err := tcp.ParseBook(text)
	if err == nil && len(book) == 0 {
		err = errors.New("the address book is empty")
	}
	return book, exit.Usage(err)
}

func readBook(file string) (tcp.Book, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, exit.Usage(err)
	}
	var book tcp.Book
	if err := json.Unmarshal(text, &book); err != nil {
		return nil, exit.Usagef("%s: %w", file, err)
	}
	if len(book) == 0 {
		return nil, exit.Usagef("%s: the address book is empty", file)
	}
	return book, exit.Usage(book.Check())
}

// key is the cluster key, nil without one.
func (f *kvFlags) key() ([]byte, error) {
	text := os.Getenv(kvKeyVariable)
	if f.keyFile != "" {
		content, err := os.ReadFile(f.keyFile)
		if err != nil {
			return nil, exit.Usage(err)
		}
		text = string(content)
		if strings.TrimSpace(text) == "" {
			return nil, exit.Usagef("%s: the key is empty", f.keyFile)
		}
	}
	return []byte(strings.TrimSpace(text)), nil
}

// config is what connections need: address book and key.
func (f *kvFlags) config(name string) (tcp.Config, error) {
	book, err := f.addresses()
	if err != nil {
		return tcp.Config{}, err
	}
	key, err := f.key()
	if err != nil {
		return tcp.Config{}, err
	}
	if f.timeout < 0 {
		return tcp.Config{}, exit.Usagef("--timeout %v: expected a time above 0", f.timeout)
	}
	return tcp.Config{Name: name, Book: book, Key: key}, nil
}

// administer runs f with an administrator's connections, for as long as the command may
// take.
func (f *kvFlags) administer(cmd *cobra.Command, do func(context.Context, *kvAdmin) error) error {
	cfg, err := f.config("admin")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), cmp.Or(f.timeout, kvAdminTimeout))
	defer cancel()
	a := &kvAdmin{tcp.NewClient(cfg)}
	defer a.Close()
	return do(ctx, a)
}

// kvAdmin asks the cluster for what administrators may ask for.
type kvAdmin struct{ *tcp.Client }

// ask asks until a node has carried the command out or refused it, or may have.
func (a *kvAdmin) ask(ctx context.Context, c wire.Command) (*wire.AdminResult, error) {
	var last error
	for {
		r, err := a.Command(ctx, c)
		if last == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err // that the time is over doesn't say why it took so long
		}
		switch {
		case err == nil && r.Status == wire.OK:
			return r, nil
		case err == nil && r.Status == wire.Invalid:
			return nil, exit.Usagef("%v: %s", c.Kind, r.Reason)
		case err == nil:
			return nil, &exit.Error{Code: exit.CodeUnknown, Err: fmt.Errorf("it is unknown whether %v was carried out: %s", c.Kind, r.Reason)}
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, &exit.Error{Code: exit.CodeUnavailable, Err: last}
		}
	}
}

// state is the cluster's, as its leader has it.
func (a *kvAdmin) state(ctx context.Context) (*wire.AdminResult, error) {
	r, err := a.ask(ctx, wire.Command{Kind: wire.GetState})
	if err == nil && r.State == nil {
		err = errors.New("a node answers without the state that it was asked for")
	}
	return r, err
}
