// Command rehearse runs scenarios that may name our own fault and expectation.
package main

import (
	"os"

	"example.com/mine/parts"
	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/own"
)

func main() {
	os.Exit(own.Main(own.Parts{Faults: []chaos.Kind{parts.Fault()}, Expectations: []scenarios.ExpectationKind{parts.Expectation()}}))
}
