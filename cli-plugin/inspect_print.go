package cliplugin

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/inspect"
	"github.com/extpack/extpack/internal/screen"
	"github.com/extpack/extpack/internal/text"
)

// digestLine is the width of a line with a whole digest.
const digestLine = len("Documentation:  sha256:") + 64

func printReport(s *screen.Screen, r *inspect.Report, opts *inspectOptions) error {
	fields, others := r.Describe(screen.Digests(r.Digest.String(), opts.whole || s.Fits(digestLine)))
	if err := s.Fields("", fields); err != nil {
		return err
	}
	if len(others) > 0 {
		fmt.Fprintf(s, "\n%s\n", s.Paint(screen.Bold, "Annotations:"))
		if err := s.Fields("  ", others); err != nil {
			return err
		}
	}
	if err := printPlatforms(s, r, opts.whole); err != nil || !opts.files {
		return err
	}
	return printFiles(s, r)
}

func printPlatforms(s *screen.Screen, r *inspect.Report, whole bool) error {
	if len(r.Platforms) == 0 {
		_, err := fmt.Fprintln(s, "\nno images")
		return err
	}
	table := screen.Table{Headers: []string{"PLATFORM", "DIGEST", "SIZE", "LAYERS"}}
	for _, p := range r.Platforms {
		table.Add(screen.Cells(platformName(p), screen.Digest(p.Digest.String(), whole), text.Size(p.Size), strconv.Itoa(p.Layers))...)
	}
	fmt.Fprintln(s)
	if err := table.Print(s); err != nil || r.Attestations == 0 {
		return err
	}
	_, err := fmt.Fprintf(s, "\n%s\n", text.Count(r.Attestations, "attestation manifest"))
	return err
}

func platformName(p inspect.Platform) string {
	if p.Platform == extension.AnyPlatform {
		return extension.AnyPlatformName
	}
	return p.Identity().String()
}

// printFiles prints a tree for each list of files, with the platforms that have
// it.
func printFiles(s *screen.Screen, r *inspect.Report) error {
	printed := make([]bool, len(r.Platforms))
	for i, p := range r.Platforms {
		if printed[i] {
			continue
		}
		var names []string
		for j, other := range r.Platforms {
			if slices.Equal(p.Files, other.Files) {
				printed[j] = true
				names = append(names, platformName(other))
			}
		}
		if _, err := io.WriteString(s, "\n"); err != nil {
			return err
		}
		if err := s.Tree(strings.Join(names, ", "), leavesOf(p.Files)); err != nil {
			return err
		}
	}
	return nil
}

func leavesOf(files []inspect.File) []screen.Leaf {
	leaves := make([]screen.Leaf, 0, len(files))
	for _, f := range files {
		leaf := screen.Leaf{Path: f.Path}
		switch {
		case f.Mode[0] == 'd':
			leaf.Style = screen.Cyan
			leaf.Path = strings.TrimSuffix(f.Path, "/") + "/"
		case f.Link != "":
			leaf.Note = "-> " + f.Link
		default:
			leaf.Note = text.Size(f.Size)
			if strings.HasSuffix(f.Mode, "x") {
				leaf.Style = screen.Green
				leaf.Note += ", executable"
			}
		}
		leaves = append(leaves, leaf)
	}
	return leaves
}
