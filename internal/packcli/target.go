package packcli

import (
	"fmt"
	"strings"
)

// target returns the value of --target for that of pack, which accepts more and
// does not use it: a distro without a version, and parts after the variant and
// after the distros. Notes say what is not used.
func target(s string) (_ string, notes []string) {
	parts := strings.Split(s, ":")
	fields := strings.Split(parts[0], "/")
	unused := func(what, why string) {
		notes = append(notes, fmt.Sprintf("--target %s: %s is not used: %s", s, what, why))
	}
	if len(fields) > 3 {
		unused(strings.Join(fields[3:], "/"), "a platform is os/arch[/variant]")
		fields = fields[:3]
	}
	// A variant may be empty.
	value := strings.TrimSuffix(strings.Join(fields, "/"), "/")
	if len(parts) > 2 {
		unused(strings.Join(parts[2:], ":"), "several distros are separated by semicolons")
	}
	if len(parts) < 2 || parts[1] == "" {
		return value, notes
	}
	var distros []string
	for distro := range strings.SplitSeq(parts[1], ";") {
		if name, version, _ := strings.Cut(distro, "@"); name != "" && version == "" {
			unused("distro "+name, "it has no version")
			continue
		}
		distros = append(distros, distro)
	}
	if len(distros) == 0 {
		return value, notes
	}
	return value + ":" + strings.Join(distros, ";"), notes
}
