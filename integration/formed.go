package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/shardquake/shardquake/chaos"
)

// formWait is how long nodes may take to start and find each other: a small machine
// starts one in about five seconds when it has nothing else to do, and takes minutes when
// dozens of processes want its processors. A node that ends meanwhile is told at once.
const formWait = 10 * time.Minute

// AwaitFormed waits until every node that was started answers and all see the same full
// cluster, its state recovered. When a node has ended instead, the error holds the last lines
// that it said.
func (c *Cluster) AwaitFormed(ctx context.Context) error {
	begin := time.Now()
	httpClient := &http.Client{Timeout: 5 * time.Second}
	defer httpClient.CloseIdleConnections()
	err := poll(ctx, formWait, 200*time.Millisecond, "the cluster to form", func() error {
		for _, n := range c.prompt() {
			if err := c.checkMember(ctx, httpClient, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.opt.Progress(fmt.Sprintf("%d nodes have formed a cluster (%.0f s)", len(c.prompt()), time.Since(begin).Seconds()))
	return nil
}

func (c *Cluster) checkMember(ctx context.Context, httpClient *http.Client, n *node) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.DirectURL(n.spec.Name)+"/_cluster/health?local=true", nil)
	if err != nil {
		return err
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return c.whyNot(ctx, n, err)
	}
	defer response.Body.Close() //nolint:errcheck // reading only
	var health struct {
		Nodes  int    `json:"number_of_nodes"`
		Status string `json:"status"`
	}
	if err := json.NewDecoder(response.Body).Decode(&health); err != nil {
		return fmt.Errorf("node %s: health: %w", n.spec.Name, err)
	}
	if want := len(c.prompt()); health.Nodes != want {
		return fmt.Errorf("node %s sees %d of %d nodes", n.spec.Name, health.Nodes, want)
	}
	if health.Status == "red" { // as long as the cluster's state isn't recovered, too
		return fmt.Errorf("to node %s the cluster is red", n.spec.Name)
	}
	return nil
}

// whyNot explains a node that does not answer.
func (c *Cluster) whyNot(ctx context.Context, n *node, err error) error {
	state, stateErr := c.State(ctx, n.spec.Name)
	if stateErr != nil || state != chaos.Exited {
		return fmt.Errorf("node %s: %w", n.spec.Name, err)
	}
	return final{fmt.Errorf("node %s has ended:\n%s", n.spec.Name, lastLogLines(ctx, c.docker, n.esID, 15))}
}

// final is an error that waiting will not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }
