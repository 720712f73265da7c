package registry

import v1 "github.com/opencontainers/image-spec/specs-go/v1"

// State is how far a piece of content has come.
type State int

const (
	// Exists is content the repository already had, or a tag that already
	// pointed there.
	Exists State = iota
	// Mounted is a blob taken over from another repository of the registry.
	Mounted
	// Uploading is a blob on its way, with [Event.Bytes] sent so far. After a
	// lost connection the count begins anew.
	Uploading
	// Done is content uploaded, or a tag moved.
	Done
)

func (s State) String() string {
	return [...]string{"exists", "mounted", "uploading", "done"}[s]
}

// Event reports on one piece of content in one repository.
type Event struct {
	// Repository is as [Reference.RepositoryName] gives it.
	Repository string
	// Tag is set when the event is about a tag.
	Tag        string
	Descriptor v1.Descriptor
	State      State
	// Bytes is set for Uploading.
	Bytes int64
}

func (r *repository) report(desc v1.Descriptor, s State, bytes int64) {
	r.client.progress(Event{Repository: r.ref.RepositoryName(), Descriptor: desc, State: s, Bytes: bytes})
}
