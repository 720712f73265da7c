// Package scaffold writes the files of a new extension, and those that an existing
// one lacks to be built with docker extpack.
//
// It overwrites a file only if a caller asks for it. The files that it adds to an
// existing extension do not change its package.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

//go:embed all:templates
var templates embed.FS

// Langs are the kinds of extensions that can be made: of shell scripts, of a Go
// module with a build stage, or of files alone.
var Langs = []string{"sh", "go", "static"}

// Request is the extension to make.
type Request struct {
	ID, Name, Version string
	Lang              string
	Targets           []extension.Target
}

// File is a file to write, with a slash-separated path.
type File struct {
	Path string
	Data []byte
	Mode fs.FileMode
}

// New returns the files of a new extension. What is wrong with the request is a
// [*diag.InvalidError].
func New(r Request) ([]File, error) {
	if err := choice.Check("language", r.Lang, Langs...); err != nil {
		return nil, err
	}
	var files []File
	for _, set := range []string{"common", r.Lang} {
		found, err := r.render(set)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	for _, f := range files {
		if f.Path != extension.DescriptorFile {
			continue
		}
		if _, _, err := extension.Parse(f.Path, f.Data); err != nil {
			return nil, withoutPlaces(err)
		}
	}
	return files, nil
}

// withoutPlaces leaves positions out: the file they are in is not written.
func withoutPlaces(err error) error {
	var list diag.List
	for _, d := range diag.Of(err) {
		d.Position = diag.Position{}
		list = append(list, d)
	}
	return list.Err()
}

func (r Request) render(set string) ([]File, error) {
	root := "templates/" + set
	var files []File
	err := fs.WalkDir(templates, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := templates.ReadFile(name)
		if err != nil {
			return err
		}
		t, err := template.New(name).Delims("[[", "]]").Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(string(text))
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, struct {
			Request
			SchemaURL, TestSchemaURL, Word string
		}{r, extension.SchemaURL, extension.TestSchemaURL, r.word()}); err != nil {
			return err
		}
		rel := strings.TrimSuffix(strings.TrimPrefix(name, root+"/"), ".tmpl")
		rel = strings.Replace(rel, "dot.", ".", 1)
		f := File{Path: rel, Data: b.Bytes(), Mode: 0o644}
		if bytes.HasPrefix(f.Data, []byte("#!")) {
			f.Mode = 0o755
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// word is the last part of the id, which names what the extension provides.
func (r Request) word() string {
	return strings.Map(func(c rune) rune {
		if c == '.' || c == '-' || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, path.Base(r.ID))
}

// CheckWrite returns the error of [Write] for files that exist, and writes nothing.
func CheckWrite(dir string, files []File, force bool) error {
	var list diag.List
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if _, err := os.Lstat(name); err == nil && !force {
			list.Errorf(diag.Position{File: name}, "already exists")
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	if len(list) > 0 {
		list[len(list)-1].Hint = "overwrite with --force"
	}
	return list.Err()
}

// Write writes the files below dir. Those that exist are a [*diag.InvalidError],
// before anything is written, unless force is set.
func Write(dir string, files []File, force bool) error {
	if err := CheckWrite(dir, files, force); err != nil {
		return err
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err := os.WriteFile(name, f.Data, f.Mode); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err := os.Chmod(name, f.Mode); err != nil { // despite the umask or an existing file
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}
