package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/controller"
)

// Finding is one cause with the copies that are not where they should be because of it.
type Finding struct {
	Cause   Cause    `json:"cause"`
	Decider string   `json:"decider,omitempty"`
	Copies  []string `json:"copies"` // some, where there are many
	Count   int      `json:"count"`
	Detail  string   `json:"detail"`
	Cure    string   `json:"cure"`
	Besides []string `json:"besides,omitempty"`
}

// String is the finding in a sentence: which copies, why, and what to do.
func (f Finding) String() string {
	names := someOf(f.Copies)
	if more := f.Count - len(f.Copies); more > 0 {
		names = fmt.Sprintf("%s and %d more", names, more)
	}
	if f.Count > 0 {
		names += ": "
	}
	return fmt.Sprintf("%s%s (%s); cure: %s", names, named(f.Cause, f.Decider), f.Detail, f.Cure)
}

// Survey asks a cluster why it isn't green: it explains its unassigned copies, as many as
// most, and puts those of one cause together. Copies beyond that are counted with the last.
func Survey(ctx context.Context, client *controller.Client, most int) ([]Finding, error) {
	shards, err := client.GetShardAllocation(ctx)
	if err != nil {
		if f, ok := masterLost(ctx, client); ok {
			return []Finding{f}, nil
		}
		return nil, err
	}
	var out []Finding
	explained := map[key]bool{}
	for _, s := range shards {
		if s.State != controller.StateUnassigned {
			continue
		}
		k := key{s.Index, s.Shard, s.Primary}
		if explained[k] || len(explained) >= most {
			if n := len(out); n > 0 {
				out[n-1].Count++
			}
			continue
		}
		explained[k] = true
		x, err := client.ExplainAllocation(ctx, s.Index, s.Shard, s.Primary)
		if err != nil {
			return out, err
		}
		if x.State == "unassigned" {
			out = merge(out, Advise(x))
		}
	}
	return out, nil
}

// merge adds a copy to the finding of its cause and cure.
func merge(all []Finding, c Cured) []Finding {
	i := slices.IndexFunc(all, func(f Finding) bool { return f.Cause == c.Cause && f.Cure == c.Cure })
	if i < 0 {
		return append(all, Finding{Cause: c.Cause, Decider: c.Decider, Copies: []string{c.String()}, Count: 1, Detail: c.Detail, Cure: c.Cure, Besides: c.Besides})
	}
	all[i].Copies = append(all[i].Copies, c.String())
	all[i].Count++
	return all
}

// masterLost finds out, after a call that failed, whether it did because there is no master.
func masterLost(ctx context.Context, client *controller.Client) (Finding, bool) {
	var api *controller.APIError
	if err := client.FindMaster(ctx); !errors.As(err, &api) || api.Type != "master_not_discovered_exception" {
		return Finding{}, false
	}
	return Finding{
		Cause: NoMaster, Detail: "the nodes that answer find no master",
		Cure: "bring back master-eligible nodes until more than half of those that vote are there; three of them survive the loss of one, two of none",
	}, true
}
