package layer

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/extpack/extpack/internal/layertest"
)

func compress(t *testing.T, plain []byte, chunk int) []byte {
	t.Helper()
	var b bytes.Buffer
	c := NewCompressor(&b)
	for part := range slices.Chunk(plain, chunk) {
		if n, err := c.Write(part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestCompressor: neither how a layer is cut into writes nor who writes it makes
// other bytes, and small layers are the standard library's.
func TestCompressor(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{0, 1, plainGzip - 1, plainGzip, plainGzip + 1, 3*plainGzip + 5} {
		plain := make([]byte, size)
		_, _ = random.Read(plain)
		for i := range plain {
			plain[i] = 'a' + plain[i]%16
		}
		whole := compress(t, plain, size+1)
		for _, chunk := range []int{512, 32<<10 + 1, plainGzip} {
			if !bytes.Equal(compress(t, plain, chunk), whole) {
				t.Errorf("%d bytes in pieces of %d are compressed to others", size, chunk)
			}
		}
		if std := bytes.Equal(whole, layertest.Gzip(t, plain)); std != (size <= plainGzip) {
			t.Errorf("%d bytes: the standard library's gzip is %v", size, std)
		}
		r, err := From(bytes.NewReader(whole)).Expand()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || r.Compression != Gzip || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes became %d: %v", size, len(got), err)
		}
	}
}

// TestCompressorNowhere: a disk that is full is no success.
func TestCompressorNowhere(t *testing.T) {
	for _, size := range []int{1, 4 << 20} {
		r, w := io.Pipe()
		r.Close()
		c := NewCompressor(w)
		_, err := c.Write(make([]byte, size))
		if err == nil {
			err = c.Close()
		}
		if err == nil {
			t.Errorf("%d bytes: no error", size)
		}
	}
}
