package doctor

import (
	"errors"
	"fmt"
	"time"

	"github.com/extpack/extpack/internal/builder"
	"github.com/extpack/extpack/internal/text"
)

const (
	// lowSpace is the free space below which a warning is reported. BuildKit
	// itself keeps more free.
	lowSpace = 1 << 30
	// reserve is the space for manifests, logs and rounding.
	reserve = 32 << 20
	// copies is the number of copies of a package's files on disk during a
	// build: the builder's layout, the annotated one and the package file.
	copies = 3
)

// checkDisk checks the free space of the folders that a build writes to.
func (e *examination) checkDisk() []Check {
	need := uint64(reserve)
	for _, x := range e.Extensions {
		need += copies * uint64(max(x.Size, 0))
	}
	checks := []Check{e.checkFolder(e.Temp, "temporary files", need, "free space there, or set TMPDIR to another folder")}
	if e.builder == nil {
		return checks
	}
	for _, n := range e.builder.Nodes {
		if root, ok := builder.LocalRoot(e.StateDir, n.Endpoint); ok {
			c := e.checkFolder(root, "the cache of "+n.Name, need, fmt.Sprintf(`free space there, or empty the cache: "docker buildx prune --builder %s"`, e.builder.Name))
			checks = append(checks, c)
		}
	}
	return checks
}

func (e *examination) checkFolder(dir, what string, need uint64, fix string) Check {
	c := Check{Name: "disk", Subject: dir, State: OK}
	free, err := e.Free(dir)
	if errors.Is(err, errors.ErrUnsupported) {
		c.Message = "free space cannot be determined on this system"
		return c
	}
	if err != nil {
		c.State, c.Message, c.Fix = Warning, fmt.Sprintf("the free space for %s is unknown: %v", what, err), "make sure that the folder exists and is writable"
		return c
	}
	size := text.Size(int64(free)) //nolint:gosec // no disk is that large
	switch {
	case free < need:
		c.State, c.Fix = Error, fix
		c.Message = fmt.Sprintf("%s is free for %s, and a build needs about %s", size, what, text.Size(int64(need))) //nolint:gosec // a constant
	case free < lowSpace:
		c.State, c.Fix = Warning, fix
		c.Message = fmt.Sprintf("only %s is free for %s", size, what)
	default:
		c.Message = fmt.Sprintf("%s is free for %s", size, what)
	}
	return c
}

// clock is the time of another machine's clock.
type clock struct {
	who         string
	time, local time.Time
	// slack is the uncertainty because of the duration of the request.
	slack time.Duration
}

// skewLimit is the clock skew that tokens and certificates tolerate: registries
// allow a minute, and a date in a header has whole seconds.
const skewLimit = time.Minute

func (e *examination) checkClock() Check {
	c := Check{Name: "clock", State: OK}
	if len(e.clocks) == 0 {
		c.Message = "nothing to compare with: neither an engine nor a registry was contacted"
		return c
	}
	for _, other := range e.clocks {
		skew := other.local.Sub(other.time)
		if skew.Abs() <= skewLimit+other.slack {
			continue
		}
		word := "ahead of"
		if skew < 0 {
			word = "behind"
		}
		c.State = Warning
		c.Message = fmt.Sprintf("this machine is %s %s %s: tokens and certificates may seem expired or not yet valid", skew.Abs().Round(10*time.Second), word, other.who)
		c.Fix = "correct the clock that is wrong, for example with NTP"
		return c
	}
	c.Message = "it agrees with " + e.clocks[0].who
	return c
}
