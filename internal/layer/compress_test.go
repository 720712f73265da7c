package layer

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/layertest"
)

func compress(t testing.TB, how Compression, plain []byte, chunk int) []byte {
	t.Helper()
	var b bytes.Buffer
	c := NewCompressor(&b, how)
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

// sample returns data that can be compressed, the same for each seed.
func sample(seed byte, size int) []byte {
	random := rand.NewChaCha8([32]byte{seed})
	plain := make([]byte, size)
	_, _ = random.Read(plain)
	for i := range plain {
		plain[i] = 'a' + plain[i]%16
		if i > 100 && i%1000 > 500 {
			plain[i] = plain[i-100]
		}
	}
	return plain
}

func expand(t testing.TB, stored []byte) (plain []byte, compression string) {
	t.Helper()
	r, err := From(bytes.NewReader(stored)).Expand()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if plain, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return plain, r.Compression
}

// TestCompressor: neither how a layer is split into writes nor the number of
// processors changes the result, and small gzip layers are the standard
// library's.
func TestCompressor(t *testing.T) {
	t.Parallel()
	for _, how := range []Compression{{}, {Name: Gzip, Level: 9, HasLevel: true}, {Name: Gzip, HasLevel: true}, {Name: Zstd}, {Name: Zstd, Level: 1, HasLevel: true}} {
		block, name := gzipBlock, Gzip
		if how.Zstd() {
			block, name = zstdBlock, Zstd
		}
		for _, size := range []int{0, 1, block - 1, block, block + 1, 2 * block, 2*block + 5} {
			plain := sample(1, size)
			whole := compress(t, how, plain, size+1)
			for _, chunk := range []int{1000, block} {
				if !bytes.Equal(compress(t, how, plain, chunk), whole) {
					t.Errorf("%+v: %d bytes in pieces of %d are compressed differently", how, size, chunk)
				}
			}
			if got, compression := expand(t, whole); compression != name || !bytes.Equal(got, plain) {
				t.Errorf("%+v: %d bytes became %d, with %s compression", how, size, len(got), compression)
			}
			if how == (Compression{}) {
				if std := bytes.Equal(whole, layertest.Gzip(t, plain)); std != (size <= gzipBlock) {
					t.Errorf("%d bytes: the standard library's gzip is %v", size, std)
				}
				if got, err := stdGunzip(whole); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%d bytes: the standard library reads %d: %v", size, len(got), err)
				}
			}
		}
	}
}

func stdGunzip(stored []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(stored))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// TestCompressorBytes pins the compressed bytes, which are part of digests: of
// every level, of layers before and after other content, and of many at once.
func TestCompressorBytes(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, name := range Compressions {
		layers, levels := map[int][]byte{1: sample(1, 1000), 2: sample(2, 2*gzipBlock+9)}, []int{-1, 0, 1, 7, 9}
		if name == Zstd { // whose highest levels take long
			layers[2], levels = sample(3, zstdBlock+9), []int{-1, 1, 7}
		}
		for _, level := range levels {
			how := Compression{Name: name, Level: max(level, 0), HasLevel: level >= 0}
			sums := make([]digest.Digest, 3)
			var wait sync.WaitGroup
			for i, plain := range layers {
				wait.Go(func() { sums[i] = digest.FromBytes(compress(t, how, plain, 64<<10)) })
			}
			wait.Wait()
			for i, plain := range layers {
				if again := digest.FromBytes(compress(t, how, plain, len(plain))); again != sums[i] {
					t.Errorf("%+v: layer %d is compressed to %s and then to %s", how, i, sums[i], again)
				}
				if level < 0 {
					fmt.Fprintf(&got, "%s %d %s\n", name, i, sums[i].Encoded()[:16])
				}
			}
		}
	}
	lines := strings.Split(strings.TrimSpace(got.String()), "\n")
	slices.Sort(lines)
	want := []string{
		"gzip 1 aae41934f415e281", "gzip 2 63a646639245ab04",
		"zstd 1 f4d28f5c0e6f93e9", "zstd 2 f1d9875f83037997",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("the compressed bytes have changed, and with them the digests of packages:\n%s", strings.Join(lines, "\n"))
	}
}

func TestCheckCompression(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		compression Compression
		want        string
	}{
		{Compression{}, ""},
		{Compression{Name: Gzip, Level: 9, HasLevel: true}, ""},
		{Compression{Name: Zstd, Level: 22, HasLevel: true}, ""},
		{Compression{Level: 10, HasLevel: true}, "compression level 10 is not supported: gzip has 0 to 9"},
		{Compression{Name: Zstd, Level: -1, HasLevel: true}, "compression level -1 is not supported: zstd has 0 to 22"},
		{Compression{Name: "xz"}, `compression "xz" is not supported`},
	} {
		got := ""
		if err := c.compression.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.compression, got, c.want)
		}
	}
}

// TestCompressorNowhere: a disk that is full is not a success.
func TestCompressorNowhere(t *testing.T) {
	t.Parallel()
	for _, how := range []Compression{{}, {Name: Zstd}} {
		for _, size := range []int{1, 20 << 20} {
			r, w := io.Pipe()
			r.Close()
			c := NewCompressor(w, how)
			_, writeErr := c.Write(make([]byte, size))
			if err := errors.Join(writeErr, c.Close()); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("%+v: %d bytes: %v", how, size, err)
			}
		}
	}
}

// TestCompressorClosed: what was closed stays as it is.
func TestCompressorClosed(t *testing.T) {
	t.Parallel()
	for _, how := range []Compression{{}, {Name: Zstd}} {
		for _, size := range []int{0, 1, zstdBlock + 1} {
			plain := sample(6, size)
			want := compress(t, how, plain, size+1)
			var b bytes.Buffer
			c := NewCompressor(&b, how)
			_, err := c.Write(plain)
			if err := errors.Join(err, c.Close(), c.Close()); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write(plain); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%+v: %d bytes: written after Close: %v", how, size, err)
			}
			if err := c.Close(); err != nil || !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%+v: %d bytes: closed again: %d bytes, want %d: %v", how, size, b.Len(), len(want), err)
			}
		}
	}
}

// brokenAfter fails after some bytes.
type brokenAfter struct{ left int }

func (w *brokenAfter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

// TestCompressorBreaks: wherever the output breaks, Close returns the error, and
// later layers are compressed as before.
func TestCompressorBreaks(t *testing.T) {
	t.Parallel()
	plain := sample(7, zstdBlock+gzipBlock)
	for _, how := range []Compression{{}, {Name: Zstd}} {
		want := compress(t, how, plain, len(plain))
		for _, left := range []int{0, 10, len(want) / 4, len(want) / 2, len(want) - 1} {
			c := NewCompressor(&brokenAfter{left}, how)
			_, _ = c.Write(plain)
			if err := c.Close(); !errors.Is(err, io.ErrShortWrite) {
				t.Errorf("%+v: broken after %d of %d bytes: %v", how, left, len(want), err)
			}
		}
		if got := compress(t, how, plain, len(plain)); !bytes.Equal(got, want) {
			t.Errorf("%+v: the layer after broken ones differs", how)
		}
	}
}
