// Package release decides which tags a package may move. A tag that is the
// version of the package is a release, which other content does not replace;
// tags such as 1.2, 1 and latest follow releases, but not to a lower version.
//
// It reads what tags point at and writes nothing. Callers check when they know
// the content and, with [registry.Guard], right before the write of a tag,
// because another writer may have moved it.
package release

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
)

// Flags that permit what [Guard] refuses, for hints.
const (
	AllowOverwrite = "allow-overwrite"
	AllowDowngrade = "allow-downgrade"
)

// Guard decides about tags. A nil guard permits everything.
type Guard struct {
	Client *registry.Client
	// AllowOverwrite allows replacing a release by other content.
	AllowOverwrite bool
	// AllowDowngrade allows moving a tag to a lower version.
	AllowDowngrade bool
	// Note is called once for each tag that is left as it is; may be nil.
	Note func(message string)

	noted sync.Map
}

// kind is what a tag is to a version.
type kind int

const (
	free    kind = iota // moves to anything
	exact               // the version itself
	follows             // the major or minor version, or latest
)

// kindOf returns the kind of a tag, which may have the prefix "v".
func kindOf(tag, version string) kind {
	name := strings.TrimPrefix(tag, "v")
	numbers := strings.Split(version, ".")
	switch {
	case len(numbers) != 3:
		return free
	case name == version:
		return exact
	case tag == "latest", name == numbers[0], name == numbers[0]+"."+numbers[1]:
		return follows
	}
	return free
}

// Guards reports whether a package of that version may be refused a tag.
func Guards(tag registry.Reference, version string) bool {
	return kindOf(tag.Tag(), version) != free
}

// Follows reports whether a tag, such as 1.2 or latest, points at the newest of
// several versions.
func Follows(tag registry.Reference, version string) bool {
	return kindOf(tag.Tag(), version) == follows
}

// Order returns the tags with the release first, so that no other tag has moved
// if that one is refused.
func Order(tags []registry.Reference, version string) []registry.Reference {
	var first, then []registry.Reference
	for _, tag := range tags {
		if kindOf(tag.Tag(), version) == exact {
			first = append(first, tag)
		} else {
			then = append(then, tag)
		}
	}
	return append(first, then...)
}

// KeptError is returned for a tag that stays at a higher version. It is a
// [registry.ErrKept].
type KeptError struct {
	Tag           registry.Reference
	Now           digest.Digest
	Have, Version string
}

func (e *KeptError) Error() string {
	return fmt.Sprintf("%s stays at %s, which is %s and newer than %s", e.Tag, e.Now, e.Have, e.Version)
}

// Unwrap returns [registry.ErrKept].
func (e *KeptError) Unwrap() error { return registry.ErrKept }

// Check decides whether tag, which is at the digest now, does not exist ("") or
// cannot be read ([registry.Hidden]), may be moved to next. It returns a [*diag.InvalidError] for a release, and a
// [*KeptError] for a tag that stays.
func (g *Guard) Check(ctx context.Context, tag registry.Reference, now digest.Digest, next *Content) error {
	if g == nil || now == "" || now == next.Root.Digest {
		return nil
	}
	switch kindOf(tag.Tag(), next.Info.Version) {
	case exact:
		return g.checkRelease(ctx, tag, now, next)
	case follows:
		return g.checkOlder(ctx, tag, now, next)
	case free:
	}
	return nil
}

func (g *Guard) checkRelease(ctx context.Context, tag registry.Reference, now digest.Digest, next *Content) error {
	if g.AllowOverwrite {
		return nil
	}
	if now == registry.Hidden {
		return diag.WithHint(
			diag.Invalidf("%s may already be published with other content: the registry does not show it", tag),
			"log in as a user who may pull, or publish without this check with --"+AllowOverwrite)
	}
	have, err := g.at(ctx, tag, now)
	difference := "it cannot be read"
	if err == nil {
		if difference = have.differs(next); difference == "" {
			return nil
		}
	} else if !isUnusable(err) {
		return fmt.Errorf("reading %s: %w", tag, err)
	}
	return diag.WithHint(
		diag.Invalidf("%s is already published with different content: it is at %s, and this is %s (%s)", tag, now, next.Root.Digest, difference),
		"publish it as a new version, or replace the published one with --"+AllowOverwrite)
}

func (g *Guard) checkOlder(ctx context.Context, tag registry.Reference, now digest.Digest, next *Content) error {
	if g.AllowDowngrade || now == registry.Hidden {
		return nil
	}
	have, err := g.at(ctx, tag, now)
	switch {
	case isUnusable(err):
		return nil // nothing of value
	case err != nil:
		return fmt.Errorf("reading %s: %w", tag, err)
	case have.Info.ID != next.Info.ID || compare(have.Info.Version, next.Info.Version) <= 0:
		return nil
	}
	kept := &KeptError{Tag: tag, Now: now, Have: have.Info.Version, Version: next.Info.Version}
	if _, again := g.noted.LoadOrStore(tag.String(), true); !again && g.Note != nil {
		g.Note(kept.Error() + "; to move it, use --" + AllowDowngrade)
	}
	return kept
}

// Option returns [registry.Guard] for a tag.
func (g *Guard) Option(tag registry.Reference, next *Content) registry.PublishOption {
	return registry.Guard(tag, func(ctx context.Context, now digest.Digest) error { return g.Check(ctx, tag, now, next) })
}

// ErrNothing is returned if every tag stays as it is. It is a
// [registry.ErrKept].
var ErrNothing = diag.WithHint(fmt.Errorf("nothing to publish: %w", registry.ErrKept), "add a tag of the version itself, or move the tags with --"+AllowDowngrade)

// at reads what tag points at.
func (g *Guard) at(ctx context.Context, tag registry.Reference, now digest.Digest) (*Content, error) {
	ref, err := registry.ParseReference(tag.RepositoryName() + "@" + now.String())
	if err != nil {
		return nil, err
	}
	src, err := g.Client.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	return Read(ctx, src, src.Root)
}

// isUnusable reports whether err is about the content of a tag, and not a
// failure to read it.
func isUnusable(err error) bool {
	return diag.IsInvalid(err) || errors.Is(err, oci.ErrNotFound) || errors.Is(err, oci.ErrCorrupt)
}

// compare compares two versions of the form X.Y.Z. Others are lower.
func compare(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	if len(x) != 3 || len(y) != 3 {
		return len(x) - len(y)
	}
	for i := range x {
		m, errM := strconv.ParseUint(x[i], 10, 64)
		n, errN := strconv.ParseUint(y[i], 10, 64)
		switch {
		case errM != nil:
			return -1
		case errN != nil, m > n:
			return 1
		case m < n:
			return -1
		}
	}
	return 0
}
