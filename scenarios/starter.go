package scenarios

import _ "embed"

//go:embed starter.yaml
var starter []byte

// Starter is the commented scenario that a newcomer begins with.
func Starter() []byte { return starter }
