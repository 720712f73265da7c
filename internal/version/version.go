// Package version has the version of docker extpack, which the Makefile sets at
// link time.
package version

import "runtime/debug"

// Version is set by the build ("-X …/internal/version.Version=v1.2.3").
var Version = ""

// Revision is the commit the binary was built from, set by the build.
var Revision = ""

// Get returns version and revision, from the build, else from what the Go
// toolchain recorded, else "(devel)" and "".
func Get() (version, revision string) {
	version, revision = Version, Revision
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return orDevel(version), revision
	}
	if version == "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && revision == "" {
			revision = s.Value
		}
	}
	return orDevel(version), revision
}

func orDevel(v string) string {
	if v == "" {
		return "(devel)"
	}
	return v
}
