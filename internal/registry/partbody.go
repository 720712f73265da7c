package registry

import (
	"errors"
	"io"
	"sync"
)

// partBody is the request body for a part of a blob.
type partBody struct {
	mu   sync.Mutex
	src  io.Reader // nil once it is detached
	left int64
}

func (b *partBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.src == nil:
		return 0, io.ErrClosedPipe
	case b.left == 0:
		return 0, io.EOF
	}
	n, err := b.src.Read(p[:min(int64(len(p)), b.left)])
	if b.left -= int64(n); b.left > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close does not close the reader, because the next part uses it.
func (b *partBody) Close() error { return nil }

func (b *partBody) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.src = nil
}
