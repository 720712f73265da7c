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
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/registry"
)

// Output is what a flag --output names: a package file or the directory of an
// OCI layout.
type Output struct {
	Name string
	Dir  bool
}

// ParseOutput tells a package file by its ending, and a layout directory by its
// slash or by being one already.
func ParseOutput(name string) (Output, error) {
	info, err := os.Stat(name)
	isDir := err == nil && info.IsDir()
	switch {
	case strings.HasSuffix(name, ".cnb") && !isDir:
		return Output{Name: name}, nil
	case isDir || strings.HasSuffix(name, "/") || strings.HasSuffix(name, string(filepath.Separator)):
		return Output{Name: name, Dir: true}, nil
	}
	return Output{}, diag.WithHint(diag.Invalidf(`--output %q is neither a package file ("FILE.cnb") nor an OCI layout directory ("DIR/")`, name), `end its name with ".cnb" for a file or "/" for a directory`)
}

// Check finds, before anything is built, why the output could not be written.
func (o Output) Check() error {
	if !o.Dir {
		return CheckFile("--output", o.Name)
	}
	if err := checkFolder("--output", o.Name); err != nil {
		return err
	}
	return checkReplaceable(o.Name)
}

// ParseTags parses the references of flags --tag, each of which has a tag.
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

// checkReplaceable finds, before a build, what writing the layout would refuse
// at its end.
func checkReplaceable(name string) error {
	if err := ocilayout.CheckReplaceable(name); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if err := atomicfile.CheckDir(name); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// CheckFile refuses a file that could not be written where a flag says.
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
