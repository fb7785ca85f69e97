// Package determinism is the analyzer that keeps nondeterminism out of everything
// that runs under virtual time.
//
// The promise is that the same scenario, seed and version give the same trace,
// byte for byte, on every machine. A run that breaks it says so only when it is
// run twice (shardquake run --check-determinism), and then only if the two runs
// happen to differ. So the causes are refused where they are written: the wall
// clock, goroutines and channels, random streams without a seed, the order of a
// map, ties in a sort, addresses, state that outlives a run, and float results
// that depend on the instruction set.
//
// [Rules] is the list of what is refused and why; [Packages] is the list of
// where. The command internal/determinism/cmd/detcheck runs the analyzer over a
// module. docs/determinism.md tells the same to people.
//
// # Exceptions
//
// Two comment directives make an exception, each with a reason:
//
//	//determinism:allow RULE[,RULE] reason
//
// permits the findings of these rules on its own line or, when it stands alone,
// on the line below. And before the package clause or the first declaration,
//
//	//determinism:realtime reason
//
// takes a whole file out: the real clock, a driver over TCP, an HTTP server. A
// directive without a reason, with an unknown rule, or that permits nothing is
// itself a finding. Test files are not looked at.
//
// # How it judges
//
// The analyzer works on one package at a time, on syntax and types, without
// following values through calls. Where that can't decide, it prefers a finding:
// the way out is to write the line so that its determinism is plain (sorted keys,
// an explicit conversion) or to state the reason in a directive. Each rule is a
// function in a file of its own, registered in [checks].
package determinism
