package kvcluster

import (
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/shardmanager"
	"github.com/shardquake/shardquake/kvcluster/tcp"
)

// Options are what a program needs to use a cluster over TCP. Fields that aren't set stand
// for the defaults.
type Options struct {
	// Nodes are where the nodes are dialled, as name=host:port, separated by commas.
	Nodes string
	// Key is the cluster's, if it has one.
	Key []byte
	// Client is what else can be set; its Transport and Admin are made here.
	Client client.Config
}

// DB is a client of a cluster, with its connections.
type DB struct {
	*client.DB
	conns *tcp.Client
}

// Open makes a client of a cluster. Nobody is contacted before the first operation.
func Open(o Options) (*DB, error) {
	book, err := tcp.ParseBook(o.Nodes)
	if err != nil {
		return nil, err
	}
	if len(book) == 0 {
		return nil, tcp.ErrAddress
	}
	conns := tcp.NewClient(tcp.Config{Name: "client", Book: book, Key: o.Key})
	o.Client.Transport, o.Client.Admin = conns, conns
	db, err := client.Open(o.Client)
	if err != nil {
		conns.Close()
		return nil, err
	}
	return &DB{DB: db, conns: conns}, nil
}

// Shards is how shards are created, deleted, split, merged, moved and promoted.
func (db *DB) Shards() *shardmanager.ShardManager { return shardmanager.New(db.conns) }

// Close ends the connections; operations under way fail.
func (db *DB) Close() { db.conns.Close() }
