package lint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/executable"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/safefile"
)

// checkImages checks images whose files are below root. What is found in a file
// that several images have is reported once.
func checkImages(ctx context.Context, root *safefile.Root, images []Image) (diag.List, error) {
	var list diag.List
	checked := map[sameFiles]bool{}
	for _, image := range images {
		same := image.sameFiles()
		if checked[same] {
			continue
		}
		checked[same] = true
		image.Read, image.Inspect = reader(ctx, root), inspector(ctx, root)
		image.Search = func(f *content.File) (*Hit, error) {
			data, err := image.Read(f, MaxSecretFile)
			return FindSecret(data), err
		}
		found, err := Check(image)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			if !slices.Contains(list, d) {
				list = append(list, d)
			}
		}
	}
	return list, nil
}

// sameFiles is equal for images of which one check says it all: images for
// several distros of a platform share their files.
type sameFiles struct {
	files                   uintptr
	os, arch, variant       string
	anyPlatform, incomplete bool
}

func (i Image) sameFiles() sameFiles {
	return sameFiles{
		reflect.ValueOf(i.Files).Pointer(), i.Platform.OS, i.Platform.Architecture, i.Platform.Variant, i.AnyPlatform, i.Incomplete,
	}
}

func reader(ctx context.Context, root *safefile.Root) func(*content.File, int64) ([]byte, error) {
	return func(f *content.File, limit int64) ([]byte, error) {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		file, err := root.Open(f.Source)
		if err != nil {
			return nil, unreadable(err)
		}
		defer file.Close()
		return io.ReadAll(io.LimitReader(file, limit))
	}
}

func inspector(ctx context.Context, root *safefile.Root) func(*content.File) (*executable.Program, *executable.Fault, error) {
	buffer := make([]byte, executable.HeadBytes)
	return func(f *content.File) (*executable.Program, *executable.Fault, error) {
		if err := context.Cause(ctx); err != nil {
			return nil, nil, err
		}
		file, err := root.Open(f.Source)
		if err != nil {
			return nil, nil, unreadable(err)
		}
		defer file.Close()
		n, err := io.ReadFull(file, buffer)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, nil, err
		}
		head := buffer[:n]
		program := executable.Read(head)
		switch {
		case program != nil && program.IsARM():
			err := program.ReadARM(io.MultiReader(bytes.NewReader(head), file), f.Size)
			return program, nil, err
		case program == nil && f.Mode&0o111 != 0:
			return nil, executable.ReadScript(head), nil
		}
		return program, nil, nil
	}
}

// unreadable makes a file that may not be read invalid input, when it is the
// file's fault.
func unreadable(err error) error {
	if errors.Is(err, safefile.ErrOutside) || errors.Is(err, safefile.ErrNotRegular) {
		return diag.Invalidf("%v", err)
	}
	return err
}

// sourceModes reports entry points that are executable in the package only.
func sourceModes(dir string, images []Image) diag.List {
	if filepath.Separator == '\\' {
		return nil // Windows has no such bits
	}
	var list diag.List
	for _, image := range images {
		for _, name := range []string{detectFile, generateBin} {
			f, ok := content.Find(image.Files, name)
			if !ok || !f.Mode.IsRegular() {
				continue
			}
			file := filepath.Join(dir, filepath.FromSlash(f.Source))
			if info, err := os.Stat(file); err != nil || info.Mode()&0o111 == 0o111 {
				continue
			}
			d := rules.EntryPointMode.At(diag.Position{File: file}, "%s is not executable in the directory", f.Source)
			if !slices.Contains(list, d) {
				list = append(list, d)
			}
		}
	}
	return list
}
