package version

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// Build identifies a build. It is part of reports, which are the same on every machine,
// so it says nothing of compiler and platform.
type Build struct {
	// Version is the module's: a release such as v1.2.0, a pseudo-version of a revision, or
	// "(devel)" where the toolchain stamps none (go run, go test).
	Version string `json:"version"`
	// Revision is the commit; "" where it was not stamped.
	Revision string `json:"revision,omitempty"`
	// Modified is whether the working tree differed from the revision.
	Modified bool `json:"modified,omitempty"`
}

// devel is what the toolchain calls a build without a version.
const devel = "(devel)"

// Current is the running program.
func Current() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Build{Version: devel}
	}
	return of(info)
}

func of(info *debug.BuildInfo) Build {
	b := Build{Version: info.Main.Version}
	if b.Version == "" {
		b.Version = devel
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String is the build on one line.
func (b Build) String() string {
	if b.Version == "" {
		return "a version that was not recorded"
	}
	var parts []string
	if b.Revision != "" {
		parts = append(parts, "revision "+b.Revision[:min(12, len(b.Revision))])
	}
	if b.Modified {
		parts = append(parts, "modified")
	}
	if len(parts) == 0 {
		return b.Version
	}
	return fmt.Sprintf("%s (%s)", b.Version, strings.Join(parts, ", "))
}

// Differs says how two builds differ, "" when nothing that they tell does.
func (b Build) Differs(other Build) string {
	if b == other {
		return ""
	}
	return fmt.Sprintf("%s, not %s", b, other)
}

// Go is the toolchain and the platform that the running program was built with and for.
func Go() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "an unknown toolchain"
	}
	goos, arch := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			goos = s.Value
		case "GOARCH":
			arch = s.Value
		}
	}
	return fmt.Sprintf("%s %s/%s", info.GoVersion, goos, arch)
}
