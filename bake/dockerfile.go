package bake

import (
	"fmt"
	"slices"
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
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
	// public is whether the file is for people, who may set its variables, and
	// whose builds end with it.
	public bool
	// cached is whether every step is in the cache of an earlier build.
	cached bool
}

var (
	published = spelling{copy: copyFlags, squash: "--from=tree"}
	transit   = spelling{copy: "--chown=0:0 --chmod=u=rwX,go=rX,a-ts", squash: "--chown=0:0 --from=tree"}
)

// never are the patterns that every file excludes.
var never = content.Never()

// Parts of a Dockerfile that are not text of it but templates of the bake file.
// No text contains a NUL.
const (
	partCopy    = "\x00copy\x00"
	partExclude = "\x00exclude\x00"
	partElse    = "\x00else\x00" // begins what is only for another version
	partEnd     = "\x00end\x00"
)

// dockerfile writes the Dockerfile of a target. Its text is constant except for
// platform names, which are validated. Paths are passed as build arguments.
type dockerfile struct {
	strings.Builder
	spelling
	dockerfileOptions
	target Target
	args   map[string]string
	names  map[string]string // path → name of its arg
	files  int               // number of args named FILE_n
	// layers is the largest number of layers that a stage with files has.
	layers int
}

type dockerfileOptions struct {
	// version is the variable with the version, or "".
	version string
	// labels are the labels of images that differ, by image.
	labels map[int]string
}

func newDockerfile(t Target, how spelling, opts dockerfileOptions) *dockerfile {
	d := &dockerfile{spelling: how, dockerfileOptions: opts, target: t, args: map[string]string{}, names: map[string]string{}}
	images := t.Extension.Images
	if slices.ContainsFunc(t.Images, func(i int) bool { return slices.ContainsFunc(images[i].Steps, viaFolder) }) {
		d.WriteString("\n# COPY --exclude preserves symbolic links below a folder, not at the context root.\n" +
			"FROM scratch AS source\nCOPY . /source/\n")
	}
	if t.usesStage() {
		d.stageFolder(t)
	}
	if sameSteps(images, t.Images) {
		d.stage("tree", images[t.Images[0]], "")
	} else {
		for _, i := range t.Images {
			d.stage("tree-"+stageSuffix(images[i]), images[i], "_"+argSuffix(images[i]))
		}
		d.WriteString("\nFROM tree-" + platformStage + " AS tree\n")
	}
	d.end(t)
	return d
}

// platformStage is the end of the name of the stage for the platform that is
// built.
const platformStage = "${TARGETOS}-${TARGETARCH}${TARGETVARIANT}"

// end writes the end of the Dockerfile: the descriptor with another version, and
// the stage with a single layer.
func (d *dockerfile) end(t Target) {
	base := "scratch"
	for _, i := range t.Images {
		label, ok := d.labels[i]
		if !ok {
			continue
		}
		name := "LAYERS_" + argSuffix(t.Extension.Images[i])
		d.args[name] = label
		fmt.Fprintf(d, "\nFROM scratch AS labels-%s\nARG %s\nLABEL %s=\"${%s}\"\n", stageSuffix(t.Extension.Images[i]), name, extension.LabelLayers, name)
		base = "labels-" + platformStage
	}
	comment := "\n# Readers of a package look at one layer only.\n"
	last := "FROM " + base + "\nCOPY " + d.squash + " / /\n"
	single := d.layers == 1 && len(d.labels) == 0
	if d.version != "" && t.Extension.Descriptor.Text == nil {
		d.WriteString(partElse)
		if !sameSteps(t.Extension.Images, t.Images) {
			d.WriteString("ARG DEST\n")
		}
		d.WriteString("ARG DESCRIPTOR\n" + d.descriptorLines())
		if single {
			d.WriteString(last)
		}
		d.WriteString(partEnd)
	}
	if !single {
		d.WriteString(comment + last)
	}
}

// descriptorLines write the descriptor from an arg, so that no input becomes
// part of the Dockerfile.
func (d *dockerfile) descriptorLines() string {
	return "COPY " + partCopy + " <<EOF ${DEST}/" + extension.DescriptorFile + "\n${DESCRIPTOR}\nEOF\n"
}

// parts returns the Dockerfile for a bake file.
func (d *dockerfile) parts() []hcl.Value {
	var parts []hcl.Value
	for i, text := range strings.Split(strings.TrimPrefix(d.Builder.String(), "\n"), "\x00") {
		switch {
		case i%2 == 0:
			parts = append(parts, hcl.Text(text))
		case text == "else":
			parts = append(parts, hcl.Directive("%{ if "+d.version+` != "`+d.target.Extension.Descriptor.Info.Version+"\" ~}\n"))
		case text == "end":
			parts = append(parts, hcl.Directive("%{ endif ~}\n"))
		default:
			parts = append(parts, hcl.Expr(text))
		}
	}
	return parts
}

// String returns the Dockerfile as buildx reads it, for the version of the plan.
func (d *dockerfile) String() string {
	text := d.Builder.String()
	if before, rest, ok := strings.Cut(text, partElse); ok {
		_, after, _ := strings.Cut(rest, partEnd)
		text = before + after
	}
	text = strings.NewReplacer(partCopy, d.copy, partExclude, strings.TrimPrefix(excludes(never), " ")).Replace(text)
	return strings.TrimPrefix(text, "\n")
}

// stageSuffix returns the value of ${TARGETOS}-${TARGETARCH}${TARGETVARIANT}.
func stageSuffix(image plan.Image) string {
	p := image.Platform
	return p.OS + "-" + p.Architecture + p.Variant
}

func argSuffix(image plan.Image) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(stageSuffix(image)))
}
