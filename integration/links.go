package integration

import (
	"context"

	"github.com/shardquake/shardquake/integration/links"
)

// createNodeLinks makes the proxies of the connections that a node opens.
func (c *Cluster) createNodeLinks(ctx context.Context, from *node) error {
	for _, to := range c.nodes {
		if to == from {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		key := links.Key{From: from.spec.Name, To: to.spec.Name}
		if _, err := c.Add(from.api, key, to.transportAddress(), to.address+":9300"); err != nil {
			return err
		}
	}
	return nil
}

// createViewerLinks makes the proxies of the connections that viewers open.
func (c *Cluster) createViewerLinks() error {
	for _, viewer := range c.opt.Viewers {
		for _, to := range c.nodes {
			key := links.Key{From: viewer, To: to.spec.Name}
			address, err := c.Add(c.viewers.Client, key, "127.0.0.1:0", to.http)
			if err != nil {
				return err
			}
			c.urls[key] = "http://" + address
		}
	}
	return nil
}
