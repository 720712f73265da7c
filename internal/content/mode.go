package content

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"runtime"

	"github.com/extpack/extpack/internal/executable"
	"github.com/extpack/extpack/internal/safefile"
)

// NoModes reports whether files have no modes on this system, so that
// [ModeOf] determines them. BuildKit's walker reports each file there as
// executable.
const NoModes = runtime.GOOS == "windows"

// ModeOf returns the mode of a regular file with this content where files have
// no modes: programs, and scripts that begin with "#!", are executable.
func ModeOf(r io.Reader) (fs.FileMode, error) {
	head := make([]byte, executable.HeadBytes)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	head = head[:n]
	if bytes.HasPrefix(head, []byte("#!")) || executable.Read(head) != nil {
		return 0o755, nil
	}
	return 0o644, nil
}

// setModes replaces the modes of regular files by those of their content.
func (t *Tree) setModes() error {
	root, err := safefile.OpenRoot(t.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range t.files {
		if !f.Mode.IsRegular() {
			continue
		}
		file, err := root.Open(f.Source)
		if err != nil {
			return err
		}
		f.Mode, err = ModeOf(file)
		file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
