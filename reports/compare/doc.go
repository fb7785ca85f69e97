// Package compare answers whether a change made it worse: better, worse, same within a
// tolerance, or undecided, for each figure and as a whole.
//
// Runs come as records ([Record]), of which a history file has one per line. Where the traces
// of a seed are equal the run is unchanged, and nothing is left to statistics. Simulated
// runs are paired by seed (Scenario.Paired): the same seed means the same random streams on both
// sides. Real runs are not paired, and have intervals of quantiles ([Quantile]). Each loss of a
// plan is a scenario of its own ([RecordsOfPlan]), and so is what its growth and sizes come to,
// which is no sample and compared as it is (Record.Exact). A difference counts when a test finds it
// after the corrections and its median is at least the figure's minimum; sameness is shown by
// equivalence, not by the lack of a difference. What a test takes for granted and does not
// hold travels as a warning in the result.
//
// [Trend] looks at a history as a whole: change points and slow drift.
package compare
