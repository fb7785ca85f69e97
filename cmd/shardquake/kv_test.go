package main

import (
	"fmt"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/kvcmd"
	"github.com/shardquake/shardquake/internal/loopback"
)

// The kv commands as a user types them, with a cluster of the script's own. $N1 to $N4 are
// addresses that were free a moment ago, and the address book has the first three.
func TestKVCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("starts nodes, which takes a while: not with -short")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/kv",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			host, err := loopback.Host()
			if err != nil {
				return err
			}
			addresses, release, err := loopback.Addresses(host, 4)
			if err != nil {
				return err
			}
			release()
			for i, address := range addresses {
				env.Setenv(fmt.Sprint("N", i+1), address)
			}
			env.Setenv(kvcmd.KvNodesVariable, "n1="+env.Getenv("N1")+",n2="+env.Getenv("N2")+",n3="+env.Getenv("N3"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"code": code},
	})
}

func TestTransactionsAreReadAsWritten(t *testing.T) {
	steps, err := kvcmd.ParseSteps([]string{"get", "put", "put", "delete", "get", "delete", "x"})
	require.NoError(t, err)
	require.Equal(t, []kvcmd.TxnStep{{What: "get", Key: "put"}, {What: "put", Key: "delete", Value: "get"}, {What: "delete", Key: "x"}}, steps)
	for _, bad := range [][]string{{"put", "a"}, {"get"}, {"take", "a"}, {"get", "a", "b"}} {
		_, err := kvcmd.ParseSteps(bad)
		require.Error(t, err, "%v", bad)
	}
}
