// Package own runs scenarios with parts that are not Shardquake's: faults, expectations,
// policies and whole controllers of another module. A program of ten lines does it,
//
//	func main() {
//		os.Exit(own.Main(own.Parts{Faults: []chaos.Kind{slowZone}, Expectations: []scenarios.ExpectationKind{calm}}))
//	}
//
// which then runs files and names of the library as `shardquake run` does, and so does a test,
// by the options of package scenariotest. Nothing that parts need is internal.
package own
