package catalog

import (
	"context"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/recovery"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// mostExplained bounds the copies that are explained at the end of a run.
const mostExplained = 50

// Explain asks an Elasticsearch cluster why it isn't green.
func Explain(ctx context.Context, cfg scenarios.SupervisorConfig) ([]observed.Ailment, error) {
	var endpoints []controller.Endpoint
	for _, e := range cfg.Endpoints {
		endpoints = append(endpoints, controller.Endpoint{Name: e.Name, URL: e.URL})
	}
	client, err := controller.NewClient(controller.ClientConfig{Clock: cfg.Clock, Endpoints: endpoints, Transport: cfg.Transport})
	if err != nil {
		return nil, err
	}
	findings, err := recovery.Survey(ctx, client, mostExplained)
	var out []observed.Ailment
	for _, f := range findings {
		out = append(out, observed.Ailment{
			Cause: string(f.Cause), Decider: f.Decider, Copies: f.Copies, Count: f.Count, Detail: f.Detail, Cure: f.Cure, Besides: f.Besides, Text: f.String(),
		})
	}
	return out, err
}
