package doctor

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/extpack/extpack/internal/runimage/dockerfile"
)

var (
	runLine  = regexp.MustCompile(`(?im)^\s*(onbuild\s+)?run\s`)
	fromFlag = regexp.MustCompile(`(?i)\bfrom=([^\s,]+)`)
)

// Stages says what making a stage of a Dockerfile takes: whether something is
// run on the target's platform, rather than on the builder's own in a stage
// with "FROM --platform=$BUILDPLATFORM", and from which registries images
// come. Stages that it does not need do not count. target is the name of the
// stage, empty for the last.
//
// It errs on the side of caution: a file that cannot be read runs something.
func Stages(data []byte, target string) (runs bool, hosts []string) {
	stages, err := dockerfile.Stages(data)
	if err != nil || len(stages) == 0 {
		return true, nil
	}
	find := func(name string, before int) int {
		if n, err := strconv.Atoi(name); err == nil && n < before {
			return n
		}
		for i := before - 1; i >= 0; i-- {
			if stages[i].Name != "" && stages[i].Name == strings.ToLower(name) {
				return i
			}
		}
		return -1
	}
	first := len(stages) - 1
	if target != "" {
		if first = find(target, len(stages)); first < 0 {
			return true, nil
		}
	}
	lines := strings.Split(string(data), "\n")
	body := func(i int) string {
		end := len(lines)
		if i+1 < len(stages) {
			end = stages[i+1].Line - 1
		}
		return strings.Join(lines[min(stages[i].Line, end):end], "\n")
	}
	// onTarget follows a stage to the image it starts from.
	onTarget := func(i int) bool {
		for {
			if p := stages[i].Platform; p != "" && !strings.Contains(p, "TARGET") {
				return false
			}
			base := find(stages[i].Image, i)
			if base < 0 {
				return true
			}
			i = base
		}
	}
	seen := map[int]bool{}
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		text := body(i)
		runs = runs || runLine.MatchString(text) && onTarget(i)
		names := []string{stages[i].Image}
		for _, m := range fromFlag.FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		for _, name := range names {
			if base := find(name, i); base >= 0 {
				visit(base)
			} else if host := HostOf(name); host != "" && !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
		}
	}
	visit(first)
	return runs, hosts
}

// HostOf gives the registry of an image that is named without variables and
// with a host, so that a named context is not taken for one.
func HostOf(image string) string {
	if !strings.Contains(image, "/") {
		return ""
	}
	return ImageHost(image)
}

// ImageHost gives the registry of what can only be an image.
func ImageHost(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil || strings.ContainsRune(image, '$') {
		return ""
	}
	return reference.Domain(named)
}
