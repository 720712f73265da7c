package layer

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"github.com/extpack/extpack/internal/layertest"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte(strings.Repeat("a layer ", 1000))
	for name, c := range map[string]struct{ stored, want []byte }{
		None:       {plain, plain},
		Gzip:       {layertest.Gzip(t, plain), plain},
		Zstd:       {enc.EncodeAll(plain, nil), plain},
		"no empty": {nil, nil},
		"no short": {[]byte("a"), []byte("a")},
	} {
		stored := From(bytes.NewReader(c.stored))
		r, err := stored.Expand()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, c.want) || !strings.HasPrefix(name, r.Compression) {
			t.Errorf("%s: %d bytes with %s compression, %v", name, len(got), r.Compression, err)
		}
		if err := r.Close(); err != nil || stored.Err() != nil {
			t.Errorf("%s: %v, %v", name, err, stored.Err())
		}
	}
}

// An error of the reader differs from invalid content.
func TestWhoIsToBlame(t *testing.T) {
	t.Parallel()
	whole := layertest.Gzip(t, bytes.Repeat([]byte("x"), 1000))
	lost := errors.New("connection lost")
	for name, c := range map[string]struct {
		r    io.Reader
		want error
	}{
		"no header": {strings.NewReader("\x1f\x8b no gzip"), nil},
		"cut":       {bytes.NewReader(whole[:len(whole)-4]), nil},
		"lost":      {io.MultiReader(bytes.NewReader(whole[:len(whole)-4]), iotest.ErrReader(lost)), lost},
		"at once":   {iotest.ErrReader(lost), lost},
	} {
		stored := From(c.r)
		r, err := stored.Expand()
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if err == nil || !errors.Is(stored.Err(), c.want) {
			t.Errorf("%s: %v, and of what is stored: %v", name, err, stored.Err())
		}
	}
}

// A gzip file may consist of many; these return nothing but zeros.
func TestBomb(t *testing.T) {
	t.Parallel()
	const member = 1 << 20
	bomb := bytes.Repeat(layertest.Gzip(t, make([]byte, member)), bombGrace/member+1)
	r, err := From(bytes.NewReader(bomb)).Expand()
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	if !errors.Is(err, ErrBomb) || n > bombGrace+1<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestOursMayExpand: a sparse file of one's own is not an attack.
func TestOursMayExpand(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if _, err := io.CopyN(zw, zeros{}, 2*bombGrace); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	for _, ours := range []bool{false, true} {
		stored := From(bytes.NewReader(b.Bytes()))
		stored.Ours = ours
		r, err := stored.Expand()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); errors.Is(err, ErrBomb) == ours {
			t.Errorf("ours %v: %v", ours, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
