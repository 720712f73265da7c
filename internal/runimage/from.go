package runimage

import (
	"strings"

	"github.com/extpack/extpack/internal/dockerfile"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// Kinds of FROM instructions.
const (
	// FromImage is a reference, which is resolved.
	FromImage = "image"
	// FromBase is ${base_image}, the run image of the build.
	FromBase = "base-image"
	// FromStage is an earlier stage of the same file.
	FromStage = "stage"
	// FromScratch is scratch.
	FromScratch = "scratch"
	// FromUndecidable depends on a variable.
	FromUndecidable = "undecidable"
)

// baseImage is the only spelling by which lifecycles recognize the run image of
// a build. They interpret any other text as the name of a new image.
const baseImage = "${base_image}"

// likeBaseImage matches other spellings of it: $base_image, ${base_image:-x}.
var likeBaseImage = lazyregexp.New(`\$\{?base_image\b`)

// From is one FROM instruction.
type From struct {
	// Image is the argument of FROM, as written.
	Image string `json:"image"`
	// Line is the line in the file, counted from 1.
	Line int `json:"line"`
	// Kind is "image", "base-image", "stage", "scratch" or "undecidable".
	Kind string `json:"kind"`
	// Reason is the reason why a FROM is undecidable.
	Reason string `json:"reason,omitempty"`
	// Images are the images of the name, one for each platform.
	Images []Image `json:"images,omitempty"`
}

// classify sets the kind of each FROM. It does not use the defaults of build
// arguments, because a build may set other values. It ignores --platform, as
// lifecycles do.
func classify(stages []dockerfile.Stage) []From {
	var out []From
	names := map[string]bool{}
	for _, s := range stages {
		f := From{Image: s.Image, Line: s.Line, Kind: FromImage}
		switch {
		case s.Image == baseImage:
			f.Kind = FromBase
		case likeBaseImage.Get().MatchString(s.Image):
			f.Kind, f.Reason = FromUndecidable, "the lifecycle recognizes the run image only as "+baseImage
		case strings.Contains(s.Image, "$"):
			f.Kind, f.Reason = FromUndecidable, "it depends on a variable, whose value is only known during a build"
		case names[strings.ToLower(s.Image)]:
			f.Kind = FromStage
		case s.Image == "scratch":
			f.Kind = FromScratch
		}
		out = append(out, f)
		if s.Name != "" {
			names[s.Name] = true
		}
	}
	return out
}
