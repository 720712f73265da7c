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
	"strings"

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
		image.Read, image.Inspect = reader(ctx, root), inspector(ctx, root, !image.AllowSecrets)
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
	return mergeMissing(list, len(checked)), nil
}

// mergeMissing reports what all of several images lack once, as of the extension.
func mergeMissing(list diag.List, images int) diag.List {
	isMissing := func(d diag.Diagnostic) bool { return d.Rule == rules.EntryPointMissing.ID }
	first := slices.IndexFunc(list, isMissing)
	if first < 0 || images < 2 || len(slices.DeleteFunc(slices.Clone(list), isMissing)) != len(list)-images {
		return list
	}
	_, message, _ := strings.Cut(list[first].Message, lacksGenerate)
	list[first].Message = "the extension has " + lacksGenerate + message
	return append(list[:first+1], slices.DeleteFunc(list[first+1:], isMissing)...)
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

// inspector returns a function that reads a file once for all that is asked of its
// content.
func inspector(ctx context.Context, root *safefile.Root, secrets bool) func(*content.File) (Inspection, error) {
	var buffer bytes.Buffer
	return func(f *content.File) (found Inspection, err error) {
		if err := context.Cause(ctx); err != nil {
			return found, err
		}
		file, err := root.Open(f.Source)
		if err != nil {
			return found, unreadable(err)
		}
		defer file.Close()
		search := secrets && f.Size <= MaxSecretFile
		limit := int64(executable.HeadBytes)
		if search {
			limit = MaxSecretFile
		}
		buffer.Reset()
		if _, err := buffer.ReadFrom(io.LimitReader(file, limit)); err != nil {
			return found, err
		}
		if search {
			found.Secret = FindSecret(buffer.Bytes())
		}
		head := buffer.Bytes()[:min(buffer.Len(), executable.HeadBytes)]
		found.Program = executable.Read(head)
		switch {
		case found.Program != nil && found.Program.IsARM():
			err = found.Program.ReadARM(io.MultiReader(bytes.NewReader(buffer.Bytes()), file), f.Size)
		case found.Program == nil && f.Mode&0o111 != 0:
			found.Fault = executable.ReadScript(head)
		}
		return found, err
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
