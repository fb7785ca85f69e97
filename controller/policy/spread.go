package policy

import "math"

// Spread describes how evenly things lie on nodes.
type Spread struct {
	Nodes int
	Total int
	Mean  float64
	Min   int
	Max   int
	// CV is the coefficient of variation: population standard deviation over mean.
	CV float64
	// BestCV is the smallest CV that whole shards allow: 0 when the total divides
	// evenly.
	BestCV float64
}

// SpreadOf measures the distribution of shards over the data nodes. Data nodes
// that are not listed hold none.
func SpreadOf(o Observation) Spread {
	nodes := max(o.DataNodes, len(o.Nodes))
	s := Spread{Nodes: nodes}
	if nodes == 0 {
		return s
	}
	if len(o.Nodes) == nodes {
		s.Min = math.MaxInt
	}
	for _, n := range o.Nodes {
		s.Total += n.Shards
		s.Min = min(s.Min, n.Shards)
		s.Max = max(s.Max, n.Shards)
	}
	s.Mean = float64(s.Total) / float64(nodes)
	if s.Total == 0 {
		return s
	}
	squares := float64(float64(nodes-len(o.Nodes)) * float64(s.Mean*s.Mean))
	for _, n := range o.Nodes {
		d := float64(n.Shards) - s.Mean
		squares += float64(d * d)
	}
	s.CV = math.Sqrt(squares/float64(nodes)) / s.Mean
	// The best is floor and ceiling of the mean: with share f of the nodes at the
	// ceiling the variance is f(1-f).
	f := float64(s.Total%nodes) / float64(nodes)
	s.BestCV = math.Sqrt(f*(1-f)) / s.Mean
	return s
}

// Numbers of the spread for a verdict.
func (s Spread) Numbers() Numbers {
	return Numbers{
		{"nodes", float64(s.Nodes)}, {"shards", float64(s.Total)}, {"mean", s.Mean},
		{"min", float64(s.Min)}, {"max", float64(s.Max)}, {"cv", s.CV}, {"best_cv", s.BestCV},
	}
}
