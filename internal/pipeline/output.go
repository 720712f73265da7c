package pipeline

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
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
// .cnb; a layout directory ends with a slash or exists. The form of buildx,
// "type=oci,dest=NAME[,tar=false]", permits any name.
func ParseOutput(name string) (Output, error) {
	if strings.HasPrefix(name, "type=") || strings.HasPrefix(name, "dest=") {
		return parseExporter(name)
	}
	info, err := os.Stat(name)
	isDir := err == nil && info.IsDir()
	switch {
	case strings.HasSuffix(name, ".cnb") && !isDir:
		return Output{Name: name}, nil
	case isDir || strings.HasSuffix(name, "/") || strings.HasSuffix(name, string(filepath.Separator)):
		return Output{Name: name, Dir: true}, nil
	}
	return Output{}, diag.WithHint(diag.Invalidf(`--output %q is neither a package file ("FILE.cnb") nor an OCI layout directory ("DIR/")`, name), `end its name with ".cnb" for a file or "/" for a directory, or write type=oci,dest=NAME for a file of any name`)
}

// insteadOf has the flags that do what other exporters of buildx do.
var insteadOf = map[string]string{
	"image": "use --push or --load", "registry": "use --push", "docker": "use --load",
}

// parseExporter parses the form of buildx.
func parseExporter(value string) (Output, error) {
	refuse := func(hint, format string, args ...any) (Output, error) {
		return Output{}, diag.WithHint(diag.Invalidf("--output %q: %s", value, fmt.Sprintf(format, args...)), hint)
	}
	const form = "write type=oci,dest=FILE, or type=oci,dest=DIR,tar=false"
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return refuse(form, "has invalid quotes")
	}
	var o Output
	kind := ""
	for _, field := range fields {
		key, v, _ := strings.Cut(field, "=")
		switch key {
		case "type":
			kind = v
		case "dest":
			o.Name = v
		case "tar":
			tar, err := strconv.ParseBool(v)
			if err != nil {
				return refuse(form, "tar %q is neither true nor false", v)
			}
			o.Dir = !tar
		default:
			return refuse(form, "%q is not supported", key)
		}
	}
	switch {
	case kind != "oci":
		return refuse(cmp.Or(insteadOf[kind], form), "type %q is not supported", kind)
	case o.Name == "" || o.Name == "-":
		return refuse(form, "dest is required, the name of a file or directory")
	}
	return o, nil
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
	for _, value := range outputs {
		output, err := ParseOutput(value)
		if err != nil {
			return outs, err
		}
		name := output.Name
		if seen[filepath.Clean(name)] {
			return outs, diag.Invalidf("--output %s is specified twice", name)
		}
		seen[filepath.Clean(name)] = true
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
