package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/unpack"
)

// maxSilence is how long a server may send nothing, as a registry may.
const maxSilence = time.Minute

// Limits on what is fetched, in bytes and files.
const (
	maxDownload = 512 << 20
	maxContent  = 1 << 30
	maxFiles    = 100_000
)

// errTooLarge is the cause of a fetch that was stopped.
var errTooLarge = diag.WithHint(diag.Invalidf("it is larger than %d MiB", maxDownload>>20), "clone or extract it, and pass the directory")

// Fetched is a source on this machine.
type Fetched struct {
	// Dir is the folder of the extension.
	Dir string
	// Root is the folder of the whole source.
	Root string
	// Commit is the commit of a Git repository, or "".
	Commit string
	// Submodules are the submodules below the folder of the extension, which are
	// not fetched, relative to Root.
	Submodules []string
	source     *Source
}

// Fetcher fetches sources.
type Fetcher struct {
	// Transport is that of HTTP downloads; nil is the default.
	Transport http.RoundTripper
	// Silence is how long a server may send nothing; 0 is a minute.
	Silence time.Duration
}

// Fetch fetches a source into the folder dir, which must not exist. The error is
// a [*diag.InvalidError] for a source that does not exist, or that is not
// accepted.
func (f Fetcher) Fetch(ctx context.Context, s *Source, dir string) (*Fetched, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating a temporary folder: %w", err)
	}
	got := &Fetched{Root: dir, source: s}
	var err error
	if s.archive {
		err = f.archive(ctx, s, got)
	} else {
		err = f.repository(ctx, s, got)
	}
	if err == nil {
		err = got.locate()
	}
	switch {
	case err == nil:
		return got, nil
	case context.Cause(ctx) != nil:
		return nil, context.Cause(ctx)
	case diag.IsInvalid(err):
		return nil, diag.Invalidf("%s: %v", s, err)
	}
	return nil, fmt.Errorf("fetching %s: %w", s, err)
}

// Name returns the name of a folder in the source, in the form that buildx
// takes, with the commit in place of a branch or tag; or "" for a folder
// elsewhere, and for one below the root of an archive, which buildx takes as a
// whole only.
func (f *Fetched) Name(dir string) string {
	rel, err := filepath.Rel(f.Root, dir)
	switch {
	case err != nil || !filepath.IsLocal(rel):
		return ""
	case f.source.archive && rel == ".":
		return f.source.URL
	case f.source.archive:
		return ""
	case rel == ".":
		return f.source.URL + "#" + f.Commit
	}
	return f.source.URL + "#" + f.Commit + ":" + filepath.ToSlash(rel)
}

// locate finds the folder of the extension, and checks that no link in it leads
// out of the source.
func (f *Fetched) locate() error {
	root, err := os.OpenRoot(f.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	dir := f.source.Dir
	if dir == "" && f.source.archive {
		dir = OnlyFolder(root)
	}
	if dir == "" {
		dir = "."
	}
	info, err := root.Stat(filepath.FromSlash(dir))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return diag.Invalidf("folder %s not found", dir)
	}
	if err != nil {
		return diag.Invalidf("the folder %s cannot be used: %v", dir, err)
	}
	if err := unpack.CheckLinks(root, dir); err != nil {
		return err
	}
	f.Dir = filepath.Join(f.Root, filepath.FromSlash(dir))
	return nil
}

// OnlyFolder returns the only entry of an archive that contains no extension
// itself, if that is a folder: archives of a release have one of its name.
func OnlyFolder(root *os.Root) string {
	for _, name := range []string{extension.DescriptorFile, extension.PackageFile} {
		if _, err := root.Lstat(name); err == nil {
			return ""
		}
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil || len(entries) != 1 || !entries[0].IsDir() {
		return ""
	}
	return entries[0].Name()
}
