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

// copyFlags make a layer independent of the owner and modes of the checkout:
// the owner is root, and modes become 0755 or 0644.
const copyFlags = "--chown=0:0 --chmod=u=rwX,go=rX,a-st"

// spelling selects the form of instructions that create layers. BuildKit
// exports a layer with the compression that it has in the cache, so a plain
// bake would publish the zstd layers that Build requests. An instruction in
// another form has a different cache key.
type spelling struct {
	copy, squash string
	// sockets is whether to exclude the sockets that currently exist. A
	// committed file should not depend on them.
	sockets bool
}

var (
	published = spelling{copy: copyFlags, squash: "--from=tree"}
	transit   = spelling{copy: "--chown=0:0 --chmod=u=rwX,go=rX,a-ts", squash: "--chown=0:0 --from=tree"}
)

// dockerfile writes the Dockerfile of a target. Its text is constant except for
// platform names, which are validated. Paths are passed as build arguments.
type dockerfile struct {
	strings.Builder
	spelling
	args  map[string]string
	names map[string]string // path → name of its arg
	files int               // number of args named FILE_n
	// layers is the largest number of layers that a stage with files has.
	layers int
}

func newDockerfile(t Target, how spelling) *dockerfile {
	d := &dockerfile{spelling: how, args: map[string]string{}, names: map[string]string{}}
	d.args["DEST"] = t.Extension.Dest()
	// The time to which rewrite-timestamp clamps timestamps.
	d.args["SOURCE_DATE_EPOCH"] = "0"
	images := t.Extension.Images
	if slices.ContainsFunc(t.Images, func(i int) bool { return slices.ContainsFunc(images[i].Steps, viaFolder) }) {
		d.WriteString("\n# COPY --exclude minds symbolic links below a folder, not at the context root.\n" +
			"FROM scratch AS source\nCOPY . /source/\n")
	}
	if t.usesStage() {
		d.stageFolder()
	}
	if sameSteps(images, t.Images) {
		d.stage("tree", images[t.Images[0]], "")
	} else {
		for _, i := range t.Images {
			d.stage("tree-"+stageSuffix(images[i]), images[i], "_"+argSuffix(images[i]))
		}
		d.WriteString("\nFROM tree-${TARGETOS}-${TARGETARCH}${TARGETVARIANT} AS tree\n")
	}
	if d.layers > 1 {
		d.WriteString("\n# Readers of a package look at one layer only.\nFROM scratch\nCOPY " + d.squash + " / /\n")
	}
	return d
}

func sameSteps(images []plan.Image, indices []int) bool {
	first := images[indices[0]]
	return !slices.ContainsFunc(indices, func(i int) bool {
		return images[i].Root != first.Root || images[i].Dockerfile != first.Dockerfile || !reflect.DeepEqual(images[i].Steps, first.Steps)
	})
}

// stageSuffix returns the value of ${TARGETOS}-${TARGETARCH}${TARGETVARIANT}.
func stageSuffix(image plan.Image) string {
	p := image.Platform
	return p.OS + "-" + p.Architecture + p.Variant
}

func argSuffix(image plan.Image) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(stageSuffix(image)))
}

// stage writes the stage with the files of an image.
func (d *dockerfile) stage(name string, image plan.Image, suffix string) {
	var lines strings.Builder
	used := []string{"DEST"}
	arg := func(p, hint string) string { return d.path(p, hint, &used) }
	layers := 0
	for i := 0; i < len(image.Steps); i++ {
		step := image.Steps[i]
		if image.NeedsBuild() && i == len(image.Steps)-1 {
			lines.WriteString(stageLines) // before the descriptor
			layers += stageLayers
		}
		layers++
		if step.Text != nil {
			// The content is passed in an arg too, so that no input becomes
			// part of the Dockerfile.
			d.args["DESCRIPTOR"] = strings.TrimSuffix(string(step.Text), "\n")
			used = append(used, "DESCRIPTOR")
			fmt.Fprintf(&lines, "COPY %s <<EOF ${DEST}/%s\n${DESCRIPTOR}\nEOF\n", d.copy, extension.DescriptorFile)
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
		fmt.Fprintf(&lines, "COPY %s%s %s %s\n", d.copy, excludes(patterns), from, dest)
	}
	d.layers = max(d.layers, layers)
	fmt.Fprintf(d, "\nFROM scratch AS %s\nARG %s\n%s", name, strings.Join(used, "\nARG "), lines.String())
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
