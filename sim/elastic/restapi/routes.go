package restapi

import (
	"slices"
	"strings"
	"sync"

	"github.com/shardquake/shardquake/sim/elastic/restapi/balance"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cat"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/documents"
	"github.com/shardquake/shardquake/sim/elastic/restapi/lookups"
	"github.com/shardquake/shardquake/sim/elastic/restapi/policies"
	"github.com/shardquake/shardquake/sim/elastic/restapi/repositories"
	"github.com/shardquake/shardquake/sim/elastic/restapi/reshape"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/restapi/stats"
	"github.com/shardquake/shardquake/sim/elastic/restapi/usage"
	"github.com/shardquake/shardquake/sim/elastic/restapi/xpack"
)

// routeTable is every path that the simulator serves, or knows that it does not. An endpoint lists only methods
// that Elasticsearch has there, because a wrong one is answered with those that exist.
func routeTable() []*rest.Route {
	return slices.Concat([]*rest.Route{
		{On: []string{"GET /", "HEAD /"}, Prepare: prepareRoot, Modules: true},
		{On: []string{"GET /_cat"}, Prepare: prepareCatList},
	}, cluster.Routes(), repositories.Routes(), cat.Routes(), stats.Routes(), documents.Routes(), lookups.Routes(), reshape.Routes(),
		balance.Routes(), usage.Routes(), policies.Routes(), xpack.Routes(), unservedRoutes())
}

// typed are the paths with types of documents, which nodes of version 8 know but serve to nobody
// who asks as one of version 8. They count where a wrong method is answered with those that exist.
var typed = []string{ //nolint:gochecknoglobals // a table, never written to
	"POST /{index}/{type}", "GET /{index}/{type}/{id}", "HEAD /{index}/{type}/{id}", "DELETE /{index}/{type}/{id}",
	"POST /{index}/{type}/{id}", "PUT /{index}/{type}/{id}",
}

// The routes by path, made once: they hold nothing of a cluster, and many clusters are made in
// a search for the plan that breaks one.
var (
	wholeRoutes   = sync.OnceValue(func() *pathTrie { return trieOf(true) })
	minimalRoutes = sync.OnceValue(func() *pathTrie { return trieOf(false) })
)

// trieOf is the trie of all routes, or of those that nodes without modules have.
func trieOf(modules bool) *pathTrie {
	t := newTrie()
	for _, r := range routeTable() {
		if r.Modules && !modules {
			continue
		}
		for _, on := range r.On {
			method, pattern, _ := strings.Cut(on, " ")
			t.insert(pattern, method, r)
		}
	}
	for _, on := range typed {
		method, pattern, _ := strings.Cut(on, " ")
		t.insert(pattern, method, nil)
	}
	return t
}
