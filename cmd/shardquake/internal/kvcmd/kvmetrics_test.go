package kvcmd_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/kvcmd"
	"github.com/shardquake/shardquake/internal/loopback"
)

// run is a kv command as a user types it.
func run(ctx context.Context, args ...string) (string, error) {
	var out strings.Builder
	cmd := kvcmd.New(&cobra.Command{Use: "rehearse"})
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func TestAFullDiskShowsInTheFiguresAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for heartbeats: not with -short")
	}
	host, err := loopback.Host()
	require.NoError(t, err)
	at, release, err := loopback.Addresses(host, 2)
	require.NoError(t, err)
	release()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	over := make(chan error)
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-over)
	})
	data := filepath.Join(t.TempDir(), "n1")
	go func() {
		_, err := run(ctx, "node", "--id", "n1", "--nodes", "n1="+at[0], "--bootstrap", "--heartbeat", "200ms", "--data", data, "--disk-limit", "32mb", "--metrics", at[1])
		over <- err
	}()
	figures := func() string {
		resp, err := http.Get("http://" + at[1] + "/metrics") //nolint:noctx // of this test's own process
		if err != nil {
			return ""
		}
		defer resp.Body.Close() //nolint:errcheck // it is only read
		text, _ := io.ReadAll(resp.Body)
		return string(text)
	}
	has := func(lines ...string) func() bool {
		return func() bool {
			text := figures()
			for _, l := range lines {
				if !strings.Contains(text, "\n"+l+"\n") {
					return false
				}
			}
			return true
		}
	}
	_, err = run(ctx, "put", "apple", "fruit", "--nodes", "n1="+at[0], "--timeout", "50s")
	require.NoError(t, err)
	require.Eventually(t, has("shardquake_kv_disk_full 0", "shardquake_kv_leading 1", `shardquake_kv_copy_primary{shard="s1"} 1`,
		`shardquake_kv_copies_in_sync{shard="s1"} 1`, "shardquake_kv_disk_size_bytes 3.3554432e+07", "shardquake_kv_disk_reserve_bytes 8.388608e+06"), 30*time.Second, 20*time.Millisecond)

	ballast := filepath.Join(data, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 25<<20), 0o600))
	require.Eventually(t, has("shardquake_kv_disk_full 1", `shardquake_kv_events_total{event="disk-full"} 1`), 30*time.Second, 20*time.Millisecond, "the figures are %s", figures())
	out, err := run(ctx, "put", "apple", "tree", "--nodes", "n1="+at[0], "--timeout", "1s")
	require.ErrorContains(t, err, "disk is full")
	assert.Contains(t, out, "node n1: disk full", "the cluster's word for it")
	assert.Contains(t, out, "bytes left")
	_, err = run(ctx, "delete", "apple", "--nodes", "n1="+at[0], "--timeout", "30s")
	require.NoError(t, err, "deletes have the reserve")

	require.NoError(t, os.Remove(ballast))
	require.Eventually(t, has("shardquake_kv_disk_full 0", `shardquake_kv_events_total{event="disk-has-room"} 1`), 30*time.Second, 20*time.Millisecond)
}
