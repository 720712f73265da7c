// Package lint checks the files of an extension by the rules of package rules:
// those of a directory, of a published package, or those that a program wrote.
//
// It reads files and, on request, registries. It changes nothing, except for the
// fixes of Fix. Package extension itself reports errors of a descriptor.
package lint

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/executable"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/rules"
)

// Entry points that the lifecycle runs, and the folders it reads without them
// (Image Extension Specification, "Detection" and "Generation").
const (
	detectFile  = extension.DetectFile
	generateBin = extension.GenerateFile
	detectDir   = extension.DetectDir
	generateDir = extension.GenerateDir
)

// Texts are the files whose content is checked, in the folder of an extension.
var Texts = []string{
	extension.DescriptorFile, detectFile, generateBin, detectDir + "/plan.toml",
	generateDir + "/" + configFile, generateDir + "/" + buildDockerfile, generateDir + "/" + runDockerfile,
}

// Image is one image of a package, or what will be one.
type Image struct {
	// Dir is put before the names of files in findings.
	Dir string
	// API is the descriptor's, empty when it is not known.
	API      string
	Platform v1.Platform
	// AnyPlatform says that the image is for any platform; Platform is then unused.
	AnyPlatform bool
	// Incomplete says that a build stage adds files to those that are known.
	Incomplete bool
	// Files are the files by path in the extension's folder.
	Files content.Files
	// Read returns the first bytes of a file, at most limit.
	Read func(f *content.File, limit int64) ([]byte, error)
	// Inspect returns what is in a regular file.
	Inspect func(f *content.File) (Inspection, error)
	// AllowSecrets leaves the rules for secrets and large files out.
	AllowSecrets bool
	// OnlyExecutables leaves all rules out but those for programs and scripts.
	OnlyExecutables bool
}

// Inspection is what rules need to know of the content of a file. For most files
// it is empty.
type Inspection struct {
	Program *executable.Program
	// Fault is what is wrong with an executable file that is not a program.
	Fault *executable.Fault
	// Secret is what in a file of at most [MaxSecretFile] bytes looks like a
	// secret; see [FindSecret].
	Secret *Hit
}

// Check returns what is wrong with the files of an image. Its error is trouble
// with reading them.
func Check(image Image) (diag.List, error) {
	c := &checker{Image: image}
	if err := c.inspect(); err != nil {
		return nil, err
	}
	if image.OnlyExecutables {
		c.checkExecutables()
		return c.list, nil
	}
	c.checkLayout()
	c.checkExecutables()
	for _, check := range []func() error{c.checkVariables, c.checkPlan} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	c.checkSecrets()
	if !c.has(generateBin) {
		if err := c.checkGenerated(generateDir); err != nil {
			return nil, err
		}
	}
	return c.list, nil
}

// Output checks the files that bin/generate wrote, with their paths in the
// output folder.
func Output(image Image) (diag.List, error) {
	c := &checker{Image: image}
	err := c.checkGenerated(".")
	return c.list, err
}

// ErrNotKept is what Read of an image returns for a file whose content is not
// at hand, which is then not checked.
var ErrNotKept = errors.New("content was not kept")

type checker struct {
	Image
	// inspected are the inspections that are not empty.
	inspected map[*content.File]Inspection
	list      diag.List
}

// inspect inspects all regular files, each of them once.
func (c *checker) inspect() error {
	c.inspected = map[*content.File]Inspection{}
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		f := c.Files[name]
		if !isRegular(f) {
			continue
		}
		found, err := c.Inspect(f)
		if err != nil {
			return err
		}
		if found != (Inspection{}) {
			c.inspected[f] = found
		}
	}
	return nil
}

func (c *checker) report(rule *rules.Rule, pos diag.Position, format string, args ...any) {
	c.list = append(c.list, rule.At(pos, format, args...))
}

// at returns the position of a file.
func (c *checker) at(f *content.File) diag.Position {
	return diag.Position{File: filepath.Join(c.Dir, filepath.FromSlash(f.Source))}
}

// find returns the file that name leads to.
func (c *checker) find(name string) (*content.File, bool) { return content.Find(c.Files, name) }

func (c *checker) has(name string) bool {
	_, ok := c.find(name)
	return ok
}

func (c *checker) isDir(name string) bool {
	f, ok := c.find(name)
	return ok && f.Mode.IsDir()
}

// text returns the content of the file of that name; ok is false when it is not
// a file, or one of more than limit bytes, which breaks tooLarge.
func (c *checker) text(name string, limit int64, tooLarge *rules.Rule) (f *content.File, data []byte, ok bool, err error) {
	f, ok = c.find(name)
	if !ok || !f.Mode.IsRegular() {
		return f, nil, false, nil
	}
	if f.Size > limit {
		if tooLarge != nil {
			c.report(tooLarge, c.at(f), "the file is larger than %d KiB", limit>>10)
		}
		return f, nil, false, nil
	}
	data, err = c.Read(f, limit)
	if errors.Is(err, ErrNotKept) {
		return f, nil, false, nil
	}
	return f, data, err == nil, err
}

const lacksGenerate = "neither bin/generate nor a folder generate, so it has no effect"

// excluded adds to a message about a package without a generate that its
// directory has one.
func excluded(dir string) string {
	if _, err := os.Lstat(filepath.Join(dir, content.IgnoreFile)); dir == "" || err != nil {
		return ""
	}
	for _, name := range []string{generateBin, generateDir} {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			return fmt.Sprintf(" (does %s exclude %s?)", content.IgnoreFile, name)
		}
	}
	return ""
}

// checkLayout checks which files there are.
func (c *checker) checkLayout() {
	if !c.Incomplete && !c.has(generateBin) && !c.isDir(generateDir) {
		name := c.Dir
		if name == "" {
			name = generateBin
		}
		what := "the extension has"
		if !platform.IsZero(c.Platform) && !c.AnyPlatform {
			what = platform.Format(c.Platform) + " has"
		}
		c.report(rules.EntryPointMissing, diag.Position{File: name}, "%s "+lacksGenerate+"%s", what, excluded(c.Dir))
	}
	for _, pair := range [][2]string{{detectFile, detectDir}, {generateBin, generateDir}} {
		if f, ok := c.find(pair[1]); ok && c.has(pair[0]) && f.Mode.IsDir() {
			c.report(rules.StaticIgnored, c.at(f), "the folder is ignored because of %s", pair[0])
		}
	}
	if f, ok := c.find("bin/build"); ok && !f.Mode.IsDir() {
		c.report(rules.BinBuild, c.at(f), "bin/build is the program of a buildpack, and extensions use bin/generate")
	}
}

func isRegular(f *content.File) bool { return f.Mode.IsRegular() }

// base returns the last part of a file's path.
func base(f *content.File) string { return path.Base(f.Path) }

const othersExec fs.FileMode = 0o001
