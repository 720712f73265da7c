package registry

import (
	"context"
	"io"
	"sync"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/oci"
)

const (
	// chunkSize is the size of chunks, and that above which a blob is sent in
	// chunks. It limits what is sent again after a lost connection.
	chunkSize = 32 << 20
	// minChunk is below the limit of any proxy; that of nginx is 1 MiB by
	// default.
	minChunk = 512 << 10
)

// chunking is how a registry accepts blobs, as far as it is known.
type chunking struct {
	mu      sync.Mutex
	size    int64
	refused bool
}

func (c *chunking) get() (size int64, refused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size, c.refused
}

func (c *chunking) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = true
}

// shrink reduces the chunk size below one that was too large. It reports
// whether that is possible.
func (c *chunking) shrink(tooLarge int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if tooLarge/4 < minChunk || c.refused {
		return false
	}
	c.size = min(c.size, tooLarge/4)
	return true
}

// sender sends one blob, over several connections and sessions if necessary.
type sender struct {
	ctx     context.Context
	repo    *repository
	src     content.Fetcher
	desc    v1.Descriptor
	session *upload // nil before the first and after a lost one
	reader  *oci.Verifier
	offset  int64 // how much of the blob the session has
	tries   int   // since there was progress
	silent  int   // of them those without an answer
	damaged int   // and those whose answer is not HTTP
	best    int64 // the largest offset so far
	renewed bool  // the token
	resumed bool  // the session, after a lost connection
}

// run sends the blob. Between attempts it checks whether the registry has the
// blob, because only the response may have been lost.
func (s *sender) run() error {
	s.reader = oci.NewVerifier(s.ctx, s.src, s.desc)
	s.reader.OnRead = func(n int64) { s.repo.report(s.desc, Uploading, n) }
	defer s.reader.Close()
	for {
		err := s.attempt()
		if err == nil {
			return nil
		}
		retry, waitErr := s.retry(err)
		if waitErr == nil && retry {
			if s.session == nil {
				if ok, err := s.repo.has(withRetries(s.ctx, 1), "blobs", s.desc); err == nil && ok {
					return nil
				}
			}
			continue
		}
		if s.session != nil {
			s.session.cancel(s.ctx)
		}
		if waitErr != nil {
			return waitErr
		}
		return err
	}
}

// attempt continues at the offset of the session until a request fails.
func (s *sender) attempt() error {
	if s.session == nil {
		session, err := s.repo.beginUpload(s.ctx, s.desc)
		if err != nil {
			return &sessionError{err}
		}
		s.session, s.offset = session, 0
	}
	size, refused := s.repo.chunks.get()
	if s.desc.Size <= size || refused {
		return s.part(0, s.desc.Size, func(body io.Reader) error { return s.session.put(s.ctx, body, s.desc.Size) })
	}
	for s.offset < s.desc.Size {
		n := min(size, s.desc.Size-s.offset)
		err := s.part(s.offset, n, func(body io.Reader) (err error) {
			has, err := s.session.patch(s.ctx, body, s.offset, n)
			if err == nil {
				s.offset = has
			}
			return err
		})
		if err != nil {
			return &chunkError{err, n}
		}
		s.progress()
	}
	return s.session.put(withRetries(s.ctx, 0), nil, 0)
}

// sessionError is a failure to begin an upload, which the transport has retried.
type sessionError struct{ err error }

func (e *sessionError) Error() string { return e.err.Error() }

func (e *sessionError) Unwrap() error { return e.err }

// chunkError is a failure to send a chunk, as opposed to a whole blob.
type chunkError struct {
	err  error
	size int64
}

func (e *chunkError) Error() string { return e.err.Error() }

func (e *chunkError) Unwrap() error { return e.err }

// progress resets the number of attempts if the session has advanced.
func (s *sender) progress() {
	if s.offset > s.best {
		s.best, s.tries, s.silent, s.damaged = s.offset, 0, 0, 0
	}
}

// part calls send with a part of the blob. The transport may read the body
// after send has returned, so the body is detached from the reader then.
func (s *sender) part(offset, size int64, send func(io.Reader) error) error {
	if err := s.reader.SeekTo(offset); err != nil {
		return err
	}
	body := &partBody{src: s.reader, left: size}
	err := send(body)
	body.detach()
	if cause := s.reader.Err(); cause != nil {
		return cause // without the wrapping of the transport
	}
	return err
}
