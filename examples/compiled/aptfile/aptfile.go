// Package aptfile reads an Aptfile, the list of Debian packages an app needs,
// and writes the Dockerfile that installs them.
package aptfile

import (
	"errors"
	"fmt"
	"strings"
)

// Name is the file in the app's folder.
const Name = "Aptfile"

// Parse returns the packages of an Aptfile: one a line, "#" begins a comment.
// What is not a package name is refused, as it would become part of a command.
func Parse(text string) ([]string, error) {
	var packages []string
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line, _, _ = strings.Cut(line, "#")
		name := strings.TrimSpace(line)
		switch {
		case name == "":
		case !isName(name):
			return nil, fmt.Errorf("%s:%d: %q is not the name of a Debian package", Name, number, name)
		default:
			packages = append(packages, name)
		}
	}
	if len(packages) == 0 {
		return nil, errors.New(Name + " lists no package")
	}
	return packages, nil
}

// isName checks a name (Debian Policy Manual, 5.6.1), which may have a version
// after "=" (5.6.12).
func isName(s string) bool {
	name, version, pinned := strings.Cut(s, "=")
	if len(name) < 2 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" || strings.ContainsAny(name[:1], "+-.") {
		return false
	}
	letters := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-:~"
	return !pinned || version != "" && strings.Trim(version, letters) == ""
}

// Dockerfile returns the Dockerfile that installs packages.
func Dockerfile(packages []string) string {
	return "ARG base_image\n" +
		"FROM ${base_image}\n" +
		"ARG user_id=1000\n" +
		"ARG group_id=1000\n" +
		"USER root\n" +
		"RUN apt-get update && apt-get install -y --no-install-recommends " + strings.Join(packages, " ") + " && rm -rf /var/lib/apt/lists/*\n" +
		"USER ${user_id}:${group_id}\n"
}
