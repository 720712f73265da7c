package grants

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/safefile"
)

// FileName is the name of the user's file in the configuration directory of the
// docker CLI.
const FileName = "extpack.toml"

// maxFile is the size of the largest file that is read.
const maxFile = extension.MaxSize

// Trust grants access to the extensions below a directory without a flag.
type Trust struct {
	// Directory is absolute, without symbolic links.
	Directory string
	// Everything is set if there is no list: all requests are granted.
	Everything bool
	Allow      []Grant
	// By is the name of the file.
	By string
}

// ReadFile reads the user's file. A file that does not exist grants nothing, and
// neither does one in a home directory of another user or none, such as
// /dev/null, which docker accepts too.
//
//	[[trust]]
//	directory = "~/src/acme"
//	allow = ["secret=token", "ssh"]
//
// Without "allow", all requests of extensions below the directory are granted.
// ReadFile returns a [*diag.InvalidError] for a file with unknown or invalid
// entries.
func ReadFile(name string) ([]Trust, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading grants: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading grants: %w", err)
	}
	entries, err := extension.ParseTrust(name, data)
	if err != nil {
		return nil, err
	}
	var all []Trust
	var list diag.List
	for _, entry := range entries {
		t := Trust{By: name, Everything: entry.Allow == nil}
		if t.Directory, err = directory(entry.Directory.Value); err != nil {
			list.Errorf(entry.Directory.Position, "%v", err)
			continue
		}
		for _, text := range entry.Allow {
			g, err := Parse(text.Value)
			if err != nil {
				list.Errorf(text.Position, "allow %q: %v", text.Value, err)
			}
			t.Allow = append(t.Allow, g)
		}
		all = append(all, t)
	}
	return all, list.Err()
}

// directory returns the real path of a trusted directory.
func directory(name string) (string, error) {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		name = filepath.Join(home, rest)
	}
	switch {
	case name == "":
		return "", diag.WithHint(errors.New("directory is required"), `write directory = "~/src/NAME"`)
	case !filepath.IsAbs(name):
		return "", diag.WithHint(fmt.Errorf("directory %q is not absolute", name), "begin it with / or ~/")
	}
	return safefile.Real(name)
}
