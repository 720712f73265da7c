//go:build unix

package hostile_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hostileArchives returns archives of an extension by name: kinds of entries in
// the places where they can be.
func hostileArchives(mine string) map[string]func() []byte {
	all := map[string]func() []byte{}
	add := func(name string, more func(tw *tar.Writer)) {
		all[name] = func() []byte {
			var plain bytes.Buffer
			tw := tar.NewWriter(&plain)
			entry(tw, tar.Header{Name: "x/extension.toml"}, descriptor("hostile/x", ""))
			entry(tw, tar.Header{Name: "x/bin/generate", Mode: 0o755}, "#!/bin/sh\n")
			more(tw)
			_ = tw.Close() // a header without its content is the point of some
			return gzipped(bytes.ReplaceAll(plain.Bytes(), []byte("GNU_sparse"), []byte("GNU.sparse")))
		}
	}
	for _, place := range []string{"x/data", "x/extension.toml", "x/bin/detect", "x/.dockerignore", "x/package.toml", "x/.git/config", "../x", mine, "x/../../x", `x\..\..\y`, "x/bin/generate/y"} {
		for _, h := range []tar.Header{
			{Typeflag: tar.TypeSymlink, Linkname: mine},
			{Typeflag: tar.TypeSymlink, Linkname: "../../../../../../../../etc/passwd"},
			{Typeflag: tar.TypeSymlink, Linkname: "/proc/self/environ"},
			{Typeflag: tar.TypeSymlink, Linkname: "."},
			{Typeflag: tar.TypeLink, Linkname: mine},
			{Typeflag: tar.TypeLink, Linkname: "../../mine"},
			{Typeflag: tar.TypeLink, Linkname: "x/nothing"},
			{Typeflag: tar.TypeFifo},
			{Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5},
			{Typeflag: tar.TypeBlock},
			{Typeflag: tar.TypeReg},
			{Typeflag: tar.TypeDir},
			{Typeflag: 'V'},
			{Typeflag: 'S'},
		} {
			h.Name = place
			add(fmt.Sprintf("%q %c %s", place, h.Typeflag, h.Linkname), func(tw *tar.Writer) { entryOf(tw, h) })
		}
	}
	add("a link, then a file through it", func(tw *tar.Writer) {
		entry(tw, tar.Header{Typeflag: tar.TypeSymlink, Name: "x/up", Linkname: "bin"}, "")
		entry(tw, tar.Header{Typeflag: tar.TypeSymlink, Name: "x/up/up", Linkname: "../../.."}, "")
		entry(tw, tar.Header{Name: "x/up/up/mine"}, "owned")
	})
	add("a terabyte", func(tw *tar.Writer) { sparse(tw, 1<<40) })
	add("a large size", func(tw *tar.Writer) {
		_ = tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x/large", Mode: 0o644, Size: 1 << 39})
	})
	add("zeros", func(tw *tar.Writer) {
		for i := range 20 {
			entry(tw, tar.Header{Name: fmt.Sprint("x/zeros", i)}, strings.Repeat("\x00", 64<<20))
		}
	})
	add("many", func(tw *tar.Writer) {
		for i := range 120_000 {
			entry(tw, tar.Header{Name: fmt.Sprint("x/", i)}, "")
		}
	})
	add("deep", func(tw *tar.Writer) { entry(tw, tar.Header{Name: "x" + strings.Repeat("/d", 3000)}, "") })
	add("names", func(tw *tar.Writer) {
		entry(tw, tar.Header{Name: "x/\x1b]0;owned\a"}, "")
		entry(tw, tar.Header{Name: "x/\u202e"}, "")
	})
	all["no archive"] = func() []byte { return []byte("<html>\x1b[31m") }
	all["cut"] = func() []byte { return gzipped(bytes.Repeat([]byte("x"), 5000))[:30] }
	all["empty"] = func() []byte { return nil }
	return all
}

// entryOf writes a header that archive/tar may not know.
func entryOf(tw *tar.Writer, h tar.Header) {
	h.Mode = 0o644
	_ = tw.WriteHeader(&h)
}

// TestArchivesByURL: an archive that a server sends is extracted below a folder of
// this run, within limits, or refused; and nothing of it stays.
func TestArchivesByURL(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	mine := filepath.Join(base, "mine")
	writeFiles(t, base, map[string]string{"mine": secret + "\n"})
	archives := hostileArchives(mine)
	names := slices.Sorted(maps.Keys(archives))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d.tgz", &i); err != nil || i >= len(names) {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(archives[names[i]]())
	}))
	defer server.Close()
	n, refused := 0, 0
	for i, name := range names {
		if !full && (name == "zeros" || i%4 != 0 && strings.HasPrefix(name, `"`)) {
			continue
		}
		n++
		work, temp := filepath.Join(base, fmt.Sprint("work", i)), filepath.Join(base, fmt.Sprint("temp", i))
		writeFiles(t, base, map[string]string{fmt.Sprint("work", i, "/mine"): secret + "\n", fmt.Sprint("temp", i, "/.keep"): ""})
		r := runPlugin(t, work, []string{"TMPDIR=" + temp, "EXTPACK_SECRET=" + secret}, "build", "--engine", "embedded", "-o", "x.cnb", fmt.Sprintf("%s/%d.tgz", server.URL, i))
		harmless(t, work, r, 0, 2)
		if r.code != 0 {
			refused++
			if !strings.Contains(r.stderr, server.URL) && !strings.Contains(r.stderr, "hostile/x") {
				t.Errorf("%s: the source is not named:\n%s", name, r.stderr)
			}
		} else if all, _ := contents(t, filepath.Join(work, "x.cnb"), ""); bytes.Contains(all, []byte(secret)) || bytes.Contains(all, []byte("root:")) {
			t.Errorf("%s: the package contains a file of the user's", name)
		}
		left, err := os.ReadDir(temp)
		if err != nil || len(left) > 1 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
		if t.Failed() {
			t.Fatalf("%s: exit code %d\n%s", name, r.code, r.stderr)
		}
	}
	if n == refused || refused == 0 {
		t.Errorf("%d of %d archives were refused", refused, n)
	}
	t.Logf("%d of %d archives, %d refused", n, len(names), refused)
}
