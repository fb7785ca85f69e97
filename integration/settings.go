package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// persistSettings makes persistent cluster settings of those that can be: the nodes were
// started with all of them, and which are dynamic the cluster knows best. It is asked
// once with all, and again without each one that it refuses as static.
func (c *realCluster) persistSettings(ctx context.Context) error {
	node, _ := splitSettings(c.spec.Settings)
	wanted := maps.Clone(node)
	for len(wanted) > 0 {
		err := c.rest.send(ctx, http.MethodPut, c.anyURL()+"/_cluster/settings", map[string]any{"persistent": wanted}, nil)
		var refused *statusError
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &refused) || refused.status != http.StatusBadRequest:
			return fmt.Errorf("setting %v: %w", slices.Sorted(maps.Keys(wanted)), err)
		}
		static := refusedAsStatic(refused.body, wanted)
		if static == "" {
			return fmt.Errorf("setting %v: %w", slices.Sorted(maps.Keys(wanted)), err)
		}
		delete(wanted, static)
	}
	return nil
}

// refusedAsStatic is the setting that an error calls not dynamic, "" when it says
// something else.
func refusedAsStatic(body string, among map[string]string) string {
	if !strings.Contains(body, "not dynamically updateable") {
		return ""
	}
	for _, key := range slices.Sorted(maps.Keys(among)) {
		if strings.Contains(body, "["+key+"]") {
			return key
		}
	}
	return ""
}

// holdPlacements keeps copies where they are, by transient settings: those win over
// persistent ones and can be taken back without a trace.
func (c *realCluster) holdPlacements(ctx context.Context) error {
	c.held = true
	return c.transient(ctx, map[string]any{
		"cluster.routing.rebalance.enable":  "none",
		"cluster.routing.allocation.enable": "none",
	})
}

// Release implements [scenarios.Cluster].
func (c *realCluster) Release(ctx context.Context) error {
	if !c.held {
		return nil
	}
	c.held = false
	return c.transient(ctx, map[string]any{
		"cluster.routing.rebalance.enable":  nil,
		"cluster.routing.allocation.enable": nil,
	})
}

func (c *realCluster) transient(ctx context.Context, settings map[string]any) error {
	return c.rest.send(ctx, http.MethodPut, c.anyURL()+"/_cluster/settings", map[string]any{"transient": settings}, nil)
}
