package index

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/wait"
)

// Options say how an edited index is written.
type Options struct {
	Client *registry.Client
	// Types are the media types to give it.
	Types Types
	// Force writes tags even if they moved since they were read.
	Force bool
	// DryRun writes nothing.
	DryRun bool
	// Check may refuse the edited index before it is written; nil accepts any
	// index.
	Check func(ctx context.Context, o *Staging, root v1.Descriptor) error
	// Warn is as with [ocilayout.CopyDir], and told of tags that cannot be read
	// back; may be nil.
	Warn func(message string)
}

// Change edits x, or returns another index in its place. x is nil for an index
// that does not exist yet. It may run several times, each time on the newest
// state of the index.
type Change func(ctx context.Context, o *Staging, x *Index) (*Index, error)

// Request is an edit of one index.
type Request struct {
	Options
	// Source is the index to edit, named as for package source; "" is a new one.
	Source string
	// Single lets the source be an image for any platform, which stays one.
	Single bool
	// MayBeMissing lets the source be a tag that does not exist yet.
	MayBeMissing bool
	// Reads are other packages that Change reads.
	Reads []string
	// Outputs are where the result goes; none means back to the source.
	Outputs
	Change Change
}

// Result is an index that was, or with a dry run would be, written.
type Result struct {
	Raw  []byte
	Root v1.Descriptor
	// Files are the files and directories that were written.
	Files []string
	// Published are the tags that point at the index.
	Published []registry.Published
	// Unchanged reports that everything was as requested already.
	Unchanged bool
}

// partly returns err, with the tags that were written although others were not.
func (r *Result) partly(err error) error {
	if r == nil || len(r.Published) == 0 {
		return err
	}
	return &WrittenError{r.Published, err}
}

const (
	// editTries is how often a change is made again on a state that another
	// writer has brought about.
	editTries = 30
	// settleTime is how long after a write the tag is read once more: a writer
	// that looked before our write may still write after it, within the time of
	// its own request.
	settleTime = time.Second
	// lagTries is how often a tag that still is where it was before our write is
	// read again, as replicas may lag.
	lagTries = 5
)

// WrittenError is a failure after tags were written.
type WrittenError struct {
	Published []registry.Published
	Err       error
}

func (e *WrittenError) Error() string {
	return fmt.Sprintf("%s was written: %s", e.Published[0], e.Err)
}
func (e *WrittenError) Unwrap() error { return e.Err }

// errLag is a tag that is read as it was before it was written.
var errLag = errors.New("the registry still returns the state before the write")

// Edit reads an index, changes it and writes the result. It is the one way of
// moving a tag on the basis of what was read.
//
// Registries have no transactions, so a tag is looked at before and after it is
// written. When another writer moved it in between and the result depends on
// where it was, the change is made again on the new state. A change that was
// overwritten is repaired, or else an error. A tag that was replaced as a whole
// is a [*registry.MovedError] if it moved since Edit began. Files are written
// before tags; a change that changes nothing writes nothing.
//
// Once a tag was written an interrupt leaves a few seconds to finish; what
// fails then is a [*WrittenError].
func Edit(ctx context.Context, req Request) (*Result, error) {
	e := &editor{Request: req}
	if err := e.resolve(); err != nil {
		return nil, err
	}
	unlock, err := atomicfile.Lock(ctx, e.paths()...)
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, wrote, err := e.repeat(ctx)
	if err != nil || !wrote {
		return r, err
	}
	ctx, stop := registry.Finishing(ctx)
	defer stop()
	return e.settle(ctx, r)
}

// editor runs one request.
type editor struct {
	Request
	back   bool // to the file or directory that the source is
	merges bool // the result depends on where a tag is that is written
	// before is where the tags were that we have overwritten; nil before that.
	before map[registry.Reference]digest.Digest
	// took is how long reading the tags took, to estimate the requests of others.
	took time.Duration
	// told says that the annotations that are left out were listed.
	told bool
}

// resolve works out where the result goes.
func (e *editor) resolve() error {
	var err error
	if e.back, err = e.resolveOutputs(); err != nil {
		return err
	}
	for _, name := range append(e.Reads, e.Source) {
		ref, err := registry.ParseReference(name)
		if err != nil || ref.Digest() != "" {
			continue
		}
		for _, tag := range e.Tags {
			e.merges = e.merges || tag.String() == ref.String()
		}
	}
	return nil
}

// paths returns the files and directories that are written.
func (e *editor) paths() []string {
	paths := slices.Concat(e.Files, e.Dirs)
	if e.back {
		paths = append(paths, e.Source)
	}
	return paths
}

// repeat makes the change until it is written, or found to be there.
func (e *editor) repeat(ctx context.Context) (r *Result, wrote bool, err error) {
	for n := range editTries {
		r, wrote, err = e.attempt(ctx)
		if !e.merges || !errors.Is(err, registry.ErrTagMoved) {
			return r, wrote, err
		}
		// Two writers that wait equally long would meet again.
		if err := wait.For(ctx, time.Duration(n+1)*50*time.Millisecond+rand.N(100*time.Millisecond)); err != nil {
			return r, false, r.partly(err)
		}
	}
	return r, false, fmt.Errorf("other writers moved the tag %d times in a row: %w", editTries, err)
}

// settle makes sure that what was written stays: it looks again after a while,
// and makes the change again where another writer has overwritten it.
func (e *editor) settle(ctx context.Context, r *Result) (*Result, error) {
	lag := 0
	for range editTries {
		if err := wait.For(ctx, max(settleTime, 3*e.took)); err != nil {
			return r, &WrittenError{r.Published, err}
		}
		if !e.merges {
			return r, e.look(ctx, r)
		}
		now, wrote, err := e.repeat(ctx)
		switch {
		case errors.Is(err, errLag) && lag < lagTries:
			if err := wait.For(ctx, settleTime<<lag/2); err != nil {
				return r, &WrittenError{r.Published, err}
			}
			lag++
			continue
		case errors.Is(err, errLag):
			e.warnf("%s was published, and %s", r.Published[0], err)
			return r, nil
		case err != nil && diag.IsInvalid(err):
			// Not the input's fault: it was right when it was written first.
			return r, &WrittenError{r.Published, fmt.Errorf("another writer has overwritten it, and the change cannot be made again: %s", diag.Text(err))}
		case err != nil:
			return r, &WrittenError{r.Published, err}
		case !wrote:
			now.Unchanged = false
			return now, nil
		}
		r = now
	}
	return r, &WrittenError{r.Published, fmt.Errorf("other writers have overwritten it %d times in a row", editTries)}
}

// look compares the tags with what was written, for a while if they are where
// they were before, as replicas may lag.
func (e *editor) look(ctx context.Context, r *Result) error {
	for lag := 0; ; lag++ {
		lagging, err := e.lookOnce(ctx, r)
		switch {
		case err != nil:
			return &WrittenError{r.Published, err}
		case !lagging:
			return nil
		case lag == lagTries:
			e.warnf("%s was published, and %s", r.Published[0], errLag)
			return nil
		}
		if err := wait.For(ctx, settleTime<<lag/2); err != nil {
			return &WrittenError{r.Published, err}
		}
	}
}

// lookOnce reports whether a tag is where it was before it was written.
func (e *editor) lookOnce(ctx context.Context, r *Result) (lagging bool, err error) {
	for _, p := range r.Published {
		now, err := e.Client.Resolve(ctx, p.Reference)
		before, known := e.before[p.Reference]
		switch {
		case errors.Is(err, registry.ErrUnauthorized):
			e.warnf("%s was published, and may not be read back", p)
		case err != nil && !errors.Is(err, oci.ErrNotFound):
			return false, err
		case err == nil && now.Digest == p.Descriptor.Digest:
		case err != nil, known && now.Digest == before:
			lagging = true
		default:
			return false, fmt.Errorf("another writer has overwritten it: %s is at %s now", p.Reference, now.Digest)
		}
	}
	return lagging, nil
}

func (e *editor) warnf(format string, args ...any) {
	if e.Warn != nil {
		e.Warn(fmt.Sprintf(format, args...))
	}
}
