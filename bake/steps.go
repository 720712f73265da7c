package bake

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// stage writes the stage with the files of an image.
func (d *dockerfile) stage(name string, image plan.Image, suffix string) {
	var lines strings.Builder
	used := []string{"DEST"}
	arg := func(p, hint string) string { return d.path(p, hint, &used) }
	layers := 0
	for i := 0; i < len(image.Steps); i++ {
		step := image.Steps[i]
		if image.NeedsBuild() && i == len(image.Steps)-1 {
			lines.WriteString(stageLines(d.target.linkSuffix(image))) // before the descriptor
			layers += stageLayers
		}
		layers++
		if step.Text != nil {
			used = append(used, "DESCRIPTOR")
			lines.WriteString(d.descriptorLines())
			continue
		}
		if step.Exec {
			sources, dest := []string{source(image, step, suffix, arg)}, step.Dest
			// Copy the entry points in one instruction to save a step.
			for keepsName(step) && i+1 < len(image.Steps) && image.Steps[i+1].Exec && keepsName(image.Steps[i+1]) {
				i++
				sources = append(sources, source(image, image.Steps[i], suffix, arg))
			}
			if keepsName(step) {
				dest = "bin/"
			}
			fmt.Fprintf(&lines, "COPY --chown=0:0 --chmod=0755 %s ${DEST}/%s\n", strings.Join(sources, " "), dest)
			continue
		}
		dest := "${DEST}/"
		if step.Dest != "." {
			dest += arg(step.Dest, "FILE")
		}
		from := source(image, step, suffix, arg)
		if viaFolder(step) {
			from = "--from=source /source"
		} else if step.Dest == "." && i+1 < len(image.Steps) && isDescriptor(image.Steps[i+1]) {
			i++ // merge into one instruction: each adds a layer and a third of the time of a small build
			from += " " + source(image, image.Steps[i], suffix, arg)
		}
		patterns := step.Exclude
		if d.sockets {
			patterns = slices.Concat(patterns, step.Sockets)
		}
		fmt.Fprintf(&lines, "COPY %s%s %s %s\n", partCopy, excludeParts(patterns), from, dest)
	}
	d.layers = max(d.layers, layers)
	fmt.Fprintf(d, "\nFROM scratch AS %s\nARG %s\n%s", name, strings.Join(used, "\nARG "), lines.String())
}

func sameSteps(images []plan.Image, indices []int) bool {
	first := images[indices[0]]
	return !slices.ContainsFunc(indices, func(i int) bool {
		return images[i].Root != first.Root || sourceOf(images[i]) != sourceOf(first) || !reflect.DeepEqual(images[i].Steps, first.Steps)
	})
}

// isDescriptor reports whether a step copies the descriptor under its name, and
// no pattern of another step matches it.
func isDescriptor(s content.Step) bool {
	return s.Source == extension.DescriptorFile && s.Dest == extension.DescriptorFile && s.Text == nil
}

// viaFolder reports whether a step must copy the context root from a stage in
// which it is a folder.
func viaFolder(s content.Step) bool { return s.Links }

// keepsName reports whether a file has the same name in the package. The target
// of a symbolic link may have another one.
func keepsName(s content.Step) bool { return path.Base(s.Source) == path.Base(s.Dest) }

func excludes(patterns []string) string {
	var b strings.Builder
	for _, p := range patterns {
		b.WriteString(" --exclude=" + p)
	}
	return b.String()
}

// excludeParts is like excludes, but the patterns of every file are in the bake
// file once.
func excludeParts(patterns []string) string {
	n := len(never)
	if len(patterns) < n || !slices.Equal(patterns[:n], never) {
		return excludes(patterns)
	}
	return " " + partExclude + excludes(patterns[n:])
}

// source returns the source of a step: below the platform root or, for files
// that platforms share, below the extension root.
func source(image plan.Image, s content.Step, suffix string, arg func(p, hint string) string) string {
	root := arg(image.Root, "ROOT"+suffix)
	switch {
	case s.Dest == "." && s.Source == image.Root:
		return root // no "/" after a folder: with one, COPY treats it as a root, see content.Step.Links
	case image.Root != platform.RootDir && s.Source == image.Root+"/"+s.Dest:
		return root + "/" + arg(s.Dest, "FILE")
	default:
		return arg(s.Source, "FILE")
	}
}

// literals are paths that are the same in every extension.
var literals = []string{platform.RootDir, extension.DescriptorFile, extension.DetectFile, extension.GenerateFile}

// path returns a constant path unchanged. For other paths it returns a
// reference to an arg, which is named after hint and added to used.
func (d *dockerfile) path(p, hint string, used *[]string) string {
	if slices.Contains(literals, p) {
		return p
	}
	name, ok := d.names[p]
	if !ok {
		name = hint
		if hint == "FILE" {
			d.files++
			name = fmt.Sprintf("FILE_%d", d.files)
		}
		d.names[p], d.args[name] = name, p
	}
	if !slices.Contains(*used, name) {
		*used = append(*used, name)
	}
	return "${" + name + "}"
}
