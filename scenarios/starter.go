package scenarios

import _ "embed"

//go:embed starter.yaml
var starter []byte

//go:embed starter-kv.yaml
var starterKV []byte

// Systems are the kinds of cluster that a scenario may describe.
func Systems() []string { return []string{systemElastic, systemKV} }

// Starter is the commented scenario that a newcomer to a system begins with; nil for one
// that there isn't.
func Starter(system string) []byte {
	switch system {
	case systemElastic:
		return starter
	case systemKV:
		return starterKV
	}
	return nil
}
