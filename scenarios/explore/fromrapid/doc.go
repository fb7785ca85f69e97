// Package fromrapid draws faults of one's own with generators of pgregory.net/rapid, so that a
// test's search for the plan that breaks something has them in its plans:
//
//	kind.Draw = fromrapid.Draw(func(chaos.Topology) *rapid.Generator[*SlowZone] {
//		return rapid.Custom(func(t *rapid.T) *SlowZone { … })
//	})
//
// It is apart from package explore, so that programs which draw nothing by rapid are built
// without it.
package fromrapid
