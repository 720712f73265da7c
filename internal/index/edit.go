package index

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/release"
	"github.com/extpack/extpack/internal/wait"
)

// Options are the options of writing an edited index.
type Options struct {
	Client *registry.Client
	// Types are the media types of the result.
	Types Types
	// Force writes tags even if they moved since they were read.
	Force bool
	// DryRun writes nothing.
	DryRun bool
	// Check, if not nil, is called before the index is written, and may return
	// an error.
	Check func(ctx context.Context, o *Staging, root v1.Descriptor) error
	// Release, if not nil, decides which tags may be moved. It is nil for an edit
	// that changes a release on purpose.
	Release *release.Guard
	// Warn is as with [ocilayout.CopyDir], and also called for tags that cannot
	// be read back. It may be nil.
	Warn func(message string)
}

// Change edits x, or returns another index. x is nil for an index that does not
// exist yet. It may be called several times, each time with the latest state of
// the index.
type Change func(ctx context.Context, o *Staging, x *Index) (*Index, error)

// Request is an edit of one index.
type Request struct {
	Options
	// Source is the index to edit, in the form of package source; "" is a new
	// one.
	Source string
	// Single permits the source to be an image for any platform. The result is
	// then an image too.
	Single bool
	// Configs reports whether Change reads the configs of all images.
	Configs bool
	// MayBeMissing permits the source to be a tag that does not exist yet.
	MayBeMissing bool
	// Reads are other packages that Change reads.
	Reads []string
	// Outputs are the destinations of the result; none means the source.
	Outputs
	Change Change
}

// Result is an index that was, or with a dry run would be, written.
type Result struct {
	Raw  []byte
	Root v1.Descriptor
	// Files are the files and directories that were written, or that are as
	// requested already.
	Files []string
	// Published are the tags that point at the index.
	Published []registry.Published
	// Changes are what happens to the tags, in the order of the writes.
	Changes []release.Change
	// Unchanged reports whether there was nothing to change.
	Unchanged bool
	// dropped are the annotations that the written index lost; see
	// [Index.Dropped].
	dropped []string
}

// partly returns err, with the tags that were written although others were not.
func (r *Result) partly(err error) error {
	if r == nil || len(r.Published) == 0 {
		return err
	}
	return &WrittenError{r.Published, err}
}

const (
	// editTries is how often a change is repeated because of another writer.
	editTries = 30
	// settleTime is how long after a write the tag is read again: a writer that
	// read the tag before our write may still write it afterwards, within the
	// time of a request.
	settleTime = time.Second
	// maxSettleTime limits it where a look was slow, as one that is retried
	// after a silence of a minute is.
	maxSettleTime = 10 * time.Second
	// lagTries is how often a tag that has its previous digest after a write is
	// read again, because replicas may lag.
	lagTries = 5
)

// WrittenError is returned for a failure after tags were written.
type WrittenError struct {
	Published []registry.Published
	Err       error
}

func (e *WrittenError) Error() string {
	first, failed := e.Published[0], e.Err.Error()
	if strings.Contains(failed, first.Descriptor.Digest.String()) {
		return fmt.Sprintf("%s was written: %s", first.Reference, failed)
	}
	return fmt.Sprintf("%s was written: %s", first, failed)
}
func (e *WrittenError) Unwrap() error { return e.Err }

// errLag is returned for a tag that has its previous digest after a write.
var errLag = errors.New("the registry still returns the previous state")

// Edit reads an index, changes it and writes the result. All read-modify-write
// operations on tags use it.
//
// Registries have no transactions, so a tag is checked before and after the
// write. If another writer has moved it and the result depends on its state,
// the change is repeated on the new state. A change that was overwritten is
// repeated, or else it is an error. For a tag that is replaced as a whole, Edit
// returns a [*registry.MovedError] if it has moved since Edit began. Files are
// written before tags. Nothing is written if nothing changes.
//
// After the first write of a tag, an interrupt leaves a few seconds to finish.
// Later failures are a [*WrittenError].
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

// editor executes one request.
type editor struct {
	Request
	back   bool // the result is written to the file or directory of the source
	merges bool // the result depends on the state of a tag that is written
	// before are the previous digests of the tags that were written, or nil.
	before map[registry.Reference]digest.Digest
	// unseen are the errors of tags that could not be looked at in a dry run.
	unseen map[registry.Reference]error
	// took is the duration of reading a tag, to estimate that of other
	// writers' requests.
	took time.Duration
	// told reports whether the note about dropped annotations was printed.
	told bool
}

// resolve determines the destinations of the result.
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

// paths returns the files and directories to write.
func (e *editor) paths() []string {
	paths := slices.Concat(e.Files, e.Dirs)
	if e.back {
		paths = append(paths, e.Source)
	}
	return paths
}

// repeat repeats the change until it is written, or already exists.
func (e *editor) repeat(ctx context.Context) (r *Result, wrote bool, err error) {
	for n := range editTries {
		r, wrote, err = e.attempt(ctx)
		if !e.merges || !errors.Is(err, registry.ErrTagMoved) {
			return r, wrote, err
		}
		// A random delay keeps two writers from colliding again.
		if err := wait.For(ctx, time.Duration(n+1)*50*time.Millisecond+rand.N(100*time.Millisecond)); err != nil {
			return r, false, r.partly(err)
		}
	}
	return r, false, fmt.Errorf("other writers moved the tag %d times in a row: %w", editTries, err)
}

// settle reads the tags again after a while, and repeats the change if another
// writer has overwritten it.
func (e *editor) settle(ctx context.Context, r *Result) (*Result, error) {
	lag := 0
	for range editTries {
		if err := wait.For(ctx, settleFor(e.took)); err != nil {
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
			// Not invalid input: it was valid when it was first written.
			return r, &WrittenError{r.Published, fmt.Errorf("another writer has overwritten it, and the change cannot be repeated: %s", diag.Text(err))}
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

// settleFor returns how long after a write the tag is read again, if reading it
// took that long before.
func settleFor(look time.Duration) time.Duration {
	return min(max(settleTime, 3*look), maxSettleTime)
}

// look compares the tags with what was written. It retries for a while if they
// have their previous digests, because replicas may lag.
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

// lookOnce reports whether a tag has its previous digest.
func (e *editor) lookOnce(ctx context.Context, r *Result) (lagging bool, err error) {
	for _, p := range r.Published {
		now, err := e.Client.Resolve(ctx, p.Reference)
		before, known := e.before[p.Reference]
		switch {
		case errors.Is(err, registry.ErrUnauthorized):
			e.warnf("%s was published, and cannot be read back without pull access", p)
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
