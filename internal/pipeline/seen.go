package pipeline

import (
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/registry"
)

// seenTags are where tags were a moment ago, so that one run does not look twice
// before it uploads anything. A tag is looked at again right before its write.
type seenTags struct {
	mu   sync.Mutex
	tags map[registry.Reference]seenTag
}

type seenTag struct {
	digest digest.Digest // "" if the tag does not exist
	when   time.Time
}

func (s *seenTags) add(tag registry.Reference, d digest.Digest) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tags == nil {
		s.tags = map[registry.Reference]seenTag{}
	}
	s.tags[tag] = seenTag{d, time.Now()}
}

// at returns where a tag was, if that was seen recently.
func (s *seenTags) at(tag registry.Reference) (digest.Digest, bool) {
	if s == nil {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, ok := s.tags[tag]
	return seen.digest, ok && time.Since(seen.when) < lookTime
}
