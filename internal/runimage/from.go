package runimage

import (
	"regexp"
	"strings"

	"github.com/extpack/extpack/internal/dockerfile"
)

// What a FROM stands for.
const (
	// FromImage is a reference, which is resolved.
	FromImage = "image"
	// FromBase is ${base_image}: the run image the build has anyway.
	FromBase = "base-image"
	// FromStage is an earlier stage of the same file.
	FromStage = "stage"
	// FromScratch is no image at all.
	FromScratch = "scratch"
	// FromUndecidable depends on a variable.
	FromUndecidable = "undecidable"
)

// baseImage is the one spelling by which lifecycles know the run image that a
// build has; with any other they take the text for the name of a new one.
const baseImage = "${base_image}"

// likeBaseImage finds other spellings of it: $base_image, ${base_image:-x}.
var likeBaseImage = regexp.MustCompile(`\$\{?base_image\b`)

// From is one FROM instruction.
type From struct {
	// Image is what FROM names, as written.
	Image string `json:"image"`
	Line  int    `json:"line"`
	// Kind is one of the From constants.
	Kind string `json:"kind"`
	// Reason says why a FROM is undecidable.
	Reason string  `json:"reason,omitempty"`
	Images []Image `json:"images,omitempty"`
}

// classify tells what each FROM stands for, without guessing: build arguments
// have their values in a build, whatever the file gives them by default. A
// --platform is left out of account, as it is by lifecycles.
func classify(stages []dockerfile.Stage) []From {
	var out []From
	names := map[string]bool{}
	for _, s := range stages {
		f := From{Image: s.Image, Line: s.Line, Kind: FromImage}
		switch {
		case s.Image == baseImage:
			f.Kind = FromBase
		case likeBaseImage.MatchString(s.Image):
			f.Kind, f.Reason = FromUndecidable, "the lifecycle knows the run image as "+baseImage+" only"
		case strings.Contains(s.Image, "$"):
			f.Kind, f.Reason = FromUndecidable, "it depends on a variable, which has its value in a build only"
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
