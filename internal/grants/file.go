package grants

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
)

// FileName is the name of the user's file in the configuration directory of the
// docker CLI.
const FileName = "extpack.toml"

// maxFile is the size of the largest file that is read.
const maxFile = 1 << 20

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

// ReadFile reads the user's file. A file that does not exist grants nothing.
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
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what you grant: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("reading what you grant: %w", err)
	}
	var file struct {
		Trust []struct {
			Directory string    `toml:"directory"`
			Allow     *[]string `toml:"allow"`
		} `toml:"trust"`
	}
	decoder := toml.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, invalid(name, err)
	}
	var all []Trust
	var list diag.List
	for i, entry := range file.Trust {
		at := fmt.Sprintf("[[trust]] number %d", i+1)
		t := Trust{By: name, Everything: entry.Allow == nil}
		if t.Directory, err = directory(entry.Directory); err != nil {
			list.Errorf(diag.Position{File: name}, "%s: %v", at, err)
			continue
		}
		if entry.Allow != nil {
			for _, text := range *entry.Allow {
				g, err := Parse(text)
				if err != nil {
					list.Errorf(diag.Position{File: name}, "%s: allow %q: %v", at, text, err)
				}
				t.Allow = append(t.Allow, g)
			}
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
		return "", errors.New("directory is required")
	case !filepath.IsAbs(name):
		return "", fmt.Errorf("directory %q is not absolute: begin it with / or ~/", name)
	}
	return safefile.Real(name)
}

func invalid(name string, err error) error {
	d := diag.Diagnostic{Position: diag.Position{File: name}, Message: strings.TrimPrefix(err.Error(), "toml: ")}
	var strict *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		d.Line, d.Column = strict.Errors[0].Position()
		d.Message = fmt.Sprintf("unknown key %q", strings.Join(strict.Errors[0].Key(), "."))
		d.Hint = "write [[trust]] with directory and allow"
	case errors.As(err, &decode):
		d.Line, d.Column = decode.Position()
	}
	return &diag.InvalidError{Diagnostics: diag.List{d}}
}
