package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
)

// Output is the destination of a flag --output: a package file or the directory
// of an OCI layout.
type Output struct {
	Name string
	Dir  bool
}

// ParseOutput parses the value of --output. A package file has the extension
// .cnb; a layout directory ends with a slash or exists.
func ParseOutput(name string) (Output, error) {
	info, err := os.Stat(name)
	isDir := err == nil && info.IsDir()
	switch {
	case strings.HasSuffix(name, ".cnb") && !isDir:
		return Output{Name: name}, nil
	case isDir || strings.HasSuffix(name, "/") || strings.HasSuffix(name, string(filepath.Separator)):
		return Output{Name: name, Dir: true}, nil
	}
	hint := `end its name with ".cnb" for a file or "/" for a directory`
	if strings.HasPrefix(name, "type=") {
		hint = "use --output FILE.cnb for type=oci, --output DIR/ for type=oci,tar=false, --push for type=registry and --load for type=docker"
	}
	return Output{}, diag.WithHint(diag.Invalidf(`--output %q is neither a package file ("FILE.cnb") nor an OCI layout directory ("DIR/")`, name), hint)
}

// Check returns an error before a build if the output could not be written.
func (o Output) Check() error {
	if !o.Dir {
		return CheckFile("--output", o.Name)
	}
	if err := checkFolder("--output", o.Name); err != nil {
		return err
	}
	return checkReplaceable(o.Name)
}

// ParseTags parses the references of flags --tag, which must have tags.
func ParseTags(names []string) ([]registry.Reference, error) {
	var tags []registry.Reference
	for _, name := range names {
		tag, err := registry.ParseTag(name)
		if err != nil {
			return nil, err
		}
		tags = append(tags, tag)
	}
	return tags, nil
}

// IndexOutputs returns the outputs of the flags --tag and --output of an edit.
func IndexOutputs(tags, outputs []string) (index.Outputs, error) {
	var outs index.Outputs
	var err error
	if outs.Tags, err = ParseTags(tags); err != nil {
		return outs, err
	}
	seen := map[string]bool{}
	for _, name := range outputs {
		if seen[filepath.Clean(name)] {
			return outs, diag.Invalidf("--output %s is given twice", name)
		}
		seen[filepath.Clean(name)] = true
		output, err := ParseOutput(name)
		if err != nil {
			return outs, err
		}
		if output.Dir {
			outs.Dirs = append(outs.Dirs, name)
		} else {
			outs.Files = append(outs.Files, name)
		}
		if err := output.Check(); err != nil {
			return outs, err
		}
	}
	return outs, nil
}

// checkReplaceable returns an error before a build if the directory cannot be
// replaced by a layout.
func checkReplaceable(name string) error {
	if err := ocilayout.CheckReplaceable(name); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if err := atomicfile.CheckDir(name); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// CheckFile returns an error if the file of a flag cannot be written.
func CheckFile(flag, name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return diag.WithHint(diag.Invalidf("%s %s is a directory", flag, name), "name a file in it")
	}
	if err := checkFolder(flag, name); err != nil {
		return err
	}
	if err := atomicfile.Check(name); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

func checkFolder(flag, name string) error {
	parent := filepath.Dir(filepath.Clean(name))
	switch info, err := os.Stat(parent); {
	case errors.Is(err, fs.ErrNotExist):
		return diag.WithHint(diag.Invalidf("%s %s: the folder %s does not exist", flag, name, parent), "create it with: mkdir -p "+parent)
	case err == nil && !info.IsDir():
		return diag.Invalidf("%s %s: %s is not a folder", flag, name, parent)
	}
	return nil
}
