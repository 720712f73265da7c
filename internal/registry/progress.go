package registry

import v1 "github.com/opencontainers/image-spec/specs-go/v1"

// State is the state of a blob, manifest or tag.
type State int

const (
	// Exists is content that the repository already has, or a tag that already
	// points at it.
	Exists State = iota
	// Mounted is a blob that was mounted from another repository of the
	// registry.
	Mounted
	// Uploading is a blob that is being sent, with [Event.Bytes] sent so far.
	// The count may decrease after a lost connection.
	Uploading
	// Done is content that was uploaded, or a tag that was moved.
	Done
)

func (s State) String() string {
	return [...]string{"exists", "mounted", "uploading", "done"}[s]
}

// Event is an event about a blob, manifest or tag in one repository.
type Event struct {
	// Repository is the result of [Reference.RepositoryName].
	Repository string
	// Tag is set if the event is about a tag.
	Tag        string
	Descriptor v1.Descriptor
	State      State
	// Bytes is set for Uploading.
	Bytes int64
}

func (r *repository) report(desc v1.Descriptor, s State, bytes int64) {
	r.client.progress(Event{Repository: r.ref.RepositoryName(), Descriptor: desc, State: s, Bytes: bytes})
}
