package main

import (
	"net"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
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
			var open []net.Listener
			for _, name := range []string{"N1", "N2", "N3", "N4"} {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				open = append(open, l)
				env.Setenv(name, l.Addr().String())
			}
			env.Setenv(kvNodesVariable, "n1="+env.Getenv("N1")+",n2="+env.Getenv("N2")+",n3="+env.Getenv("N3"))
			for _, l := range open { // all at the end, so that they differ
				if err := l.Close(); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"code": code},
	})
}

func TestTransactionsAreReadAsWritten(t *testing.T) {
	steps, err := parseSteps([]string{"get", "put", "put", "delete", "get", "delete", "x"})
	require.NoError(t, err)
	require.Equal(t, []txnStep{{what: "get", key: "put"}, {what: "put", key: "delete", value: "get"}, {what: "delete", key: "x"}}, steps)
	for _, bad := range [][]string{{"put", "a"}, {"get"}, {"take", "a"}, {"get", "a", "b"}} {
		_, err := parseSteps(bad)
		require.Error(t, err, "%v", bad)
	}
}
