package kv_test

import (
	"context"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// A program that uses the distributed database: a cluster of three nodes, two shards,
// operations, a transaction, the state of the cluster. Here the nodes and the network are
// simulated; over TCP the same program has another transport.
func Example() {
	e := sim.NewEngine(sim.Config{Seed: 1})
	fleet := kv.NewFleet(e, kv.FleetConfig{Machines: []string{"node1", "node2", "node3"}, Late: []string{"node2", "node3"}, Settings: meta.Defaults()})
	clk := e.Clock("app")
	link := kv.FleetLink{Caller: fleet.NewCaller("app")}
	db, err := client.Open(client.Config{Clock: clk, Transport: link,
		Admin: &client.NodeAdmin{Clock: clk, Transport: link, Nodes: []shardmap.NodeID{"node1"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	done := false
	clk.Go(context.Background(), "app", func(ctx context.Context) {
		defer func() { done = true }()
		if err := useDatabase(ctx, fleet, clk, db); err != nil {
			fmt.Println(err)
		}
	})
	if err := e.RunUntil(func() bool { return done }, sim.Time(10*time.Minute)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// put apple: quorum, weak: false
	// get apple: fruit
	// get apple, asynchronously: fruit
	// Transaction committed
	// key1=value1 key2=value2 old_key found: false
	// "apple" is on shard1, "mango" on shard2
	// Total nodes: 3
	// Healthy nodes: 3
	// Average latency measured: true
	// Cluster healthy: true
}

func useDatabase(ctx context.Context, fleet *kv.Fleet, clk *sim.Clock, db *client.DB) error {
	// Add nodes.
	for _, name := range []string{"node1", "node2", "node3"} {
		fleet.Machine(name).Start()
		if err := db.AddNode(ctx, name); err != nil {
			return err
		}
	}
	// Create shards.
	if err := db.CreateShard(ctx, "shard1", "a", "m"); err != nil {
		return err
	}
	if err := db.CreateShard(ctx, "shard2", "m", "z"); err != nil {
		return err
	}
	// Replication factor and consistency level.
	if err := db.SetReplicationFactor(ctx, 2); err != nil {
		return err
	}
	if err := db.SetConsistencyLevel("quorum"); err != nil {
		return err
	}

	// Operations.
	put, err := db.Put(ctx, "apple", []byte("fruit"))
	if err != nil {
		return err
	}
	fmt.Println("put apple: quorum, weak:", put.Weak)
	got, err := db.Get(ctx, "apple")
	if err != nil {
		return err
	}
	fmt.Printf("get apple: %s\n", got.Value)

	// Asynchronously.
	future := db.GetAsync(ctx, "apple")
	if got, err = future.Get(ctx); err != nil {
		return err
	}
	fmt.Printf("get apple, asynchronously: %s\n", got.Value)

	// A transaction.
	if _, err := db.Put(ctx, "old_key", []byte("old")); err != nil {
		return err
	}
	tx := db.Begin()
	tx.Put("key1", []byte("value1"))
	tx.Put("key2", []byte("value2"))
	tx.Delete("old_key")
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	fmt.Println("Transaction committed")
	all, err := db.GetMany(ctx, []string{"key1", "key2", "old_key"})
	if err != nil {
		return err
	}
	fmt.Printf("key1=%s key2=%s old_key found: %v\n", all["key1"].Value, all["key2"].Value, all["old_key"].Found)
	return watchCluster(ctx, clk, db)
}

func watchCluster(ctx context.Context, clk *sim.Clock, db *client.DB) error {
	one, err := db.GetShardForKey(ctx, "apple")
	if err != nil {
		return err
	}
	two, err := db.GetShardForKey(ctx, "mango")
	if err != nil {
		return err
	}
	fmt.Printf("%q is on %s, %q on %s\n", "apple", one, "mango", two)
	// It takes a while until there are as many copies as there should be.
	healthy := false
	for range 60 {
		if healthy, err = db.IsClusterHealthy(ctx); err != nil || healthy {
			break
		}
		if err := clk.Sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	stats, err := db.GetClusterStats(ctx)
	if err != nil {
		return err
	}
	fmt.Println("Total nodes:", stats.TotalNodes)
	fmt.Println("Healthy nodes:", stats.HealthyNodes)
	fmt.Println("Average latency measured:", stats.AverageLatencyMs() > 0)
	fmt.Println("Cluster healthy:", healthy)
	return nil
}
