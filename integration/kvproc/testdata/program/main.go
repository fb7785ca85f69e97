// Command program is a program of another module that uses a cluster: everything that it
// needs is in packages that other modules can import.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/shardquake/shardquake/kvcluster"
	"github.com/shardquake/shardquake/kvcluster/client"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	db, err := kvcluster.Open(kvcluster.Options{Nodes: os.Getenv("NODES")})
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Put(ctx, "apple", []byte("fruit")); err != nil {
		return err
	}
	r, err := db.Get(ctx, "apple", client.At(client.All))
	if err != nil {
		return err
	}
	fmt.Printf("apple is a %s\n", r.Value)
	return more(ctx, db)
}

// more is futures, batches and transactions.
func more(ctx context.Context, db *kvcluster.DB) error {
	var later []*client.Future[client.Result]
	for _, key := range []string{"pear", "plum"} {
		later = append(later, db.PutAsync(ctx, key, []byte("fruit")))
	}
	for _, f := range later {
		if _, err := f.Get(ctx); err != nil {
			return err
		}
	}
	if err := db.Batch(ctx, []client.Op{client.PutOp("fig", []byte("fruit")), client.DeleteOp("plum")}); err != nil {
		return err
	}
	tx := db.Begin()
	fig, err := tx.Get(ctx, "fig")
	if err != nil {
		return err
	}
	tx.Put("copy", fig.Value)
	if _, err := db.Put(ctx, "fig", []byte("changed")); err != nil {
		return err
	}
	fmt.Println("conflict:", errors.Is(tx.Commit(ctx), client.ErrConflict))
	items, err := db.Scan(ctx, "", "", 0)
	for _, i := range items {
		fmt.Printf("%s=%s\n", i.Key, i.Value)
	}
	return err
}
