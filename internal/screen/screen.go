// Package screen prints tables, fields and trees. On a terminal they fit its
// width, and have colours unless NO_COLOR is set (https://no-color.org).
// Elsewhere lines are not folded, and there are no escape sequences unless
// FORCE_COLOR is set (https://force-color.org).
package screen

import (
	"io"
	"os"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/morikuni/aec"
	"golang.org/x/term"

	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/text"
)

// Screen is where text is printed.
type Screen struct {
	io.Writer
	// Width is the number of columns, or 0 if lines have no limit.
	Width int
	// Color reports whether the output may have colours.
	Color bool
}

// terminal is implemented by the streams of the docker CLI.
type terminal interface {
	IsTerminal() bool
	GetTtySize() (height, width uint)
}

// Of returns the screen of a stream of the docker CLI.
func Of(w io.Writer) *Screen {
	s := &Screen{Writer: w, Color: colors(false)}
	if t, ok := w.(terminal); ok && t.IsTerminal() {
		_, width := t.GetTtySize()
		s.Width, s.Color = int(width), colors(true)
	}
	return s
}

// Stderr returns the screen of standard error. Output is written to w.
func Stderr(w io.Writer) *Screen {
	s := &Screen{Writer: w, Color: colors(false)}
	if fd := int(os.Stderr.Fd()); term.IsTerminal(fd) {
		if width, _, err := term.GetSize(fd); err == nil {
			s.Width, s.Color = width, colors(true)
		}
	}
	return s
}

// Fits reports whether a line of that width fits.
func (s *Screen) Fits(columns int) bool { return s.Width == 0 || columns <= s.Width }

// colors reports whether output has colours.
func colors(isTerminal bool) bool {
	switch {
	case os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("FORCE_COLOR") != "":
		return true
	}
	return isTerminal && os.Getenv("TERM") != "dumb"
}

// Style is the style of some text. The zero value is plain text.
type Style struct{ ansi aec.ANSI }

// Styles, as docker and buildx use them.
var (
	Bold   = Style{aec.Bold}
	Faint  = Style{aec.Faint}
	Green  = Style{aec.GreenF}
	Yellow = Style{aec.YellowF}
	Red    = Style{aec.RedF}
	Cyan   = Style{aec.CyanF}
)

// Paint returns s in a style.
func (s *Screen) Paint(style Style, words string) string {
	if !s.Color || style.ansi == nil || words == "" {
		return words
	}
	return aec.Apply(words, style.ansi)
}

// Digest returns the beginning of a digest, as docker shortens IDs, unless whole
// is set.
func Digest(digest string, whole bool) string {
	const characters = 12
	if _, encoded, ok := strings.Cut(digest, ":"); ok && !whole && len(encoded) > characters {
		return encoded[:characters]
	}
	return digest
}

// digests matches SHA-256 digests in messages.
var digests = lazyregexp.New(`sha256:[0-9a-f]{64}`)

// Digests shortens the digests in a message unless whole is set.
func Digests(message string, whole bool) string {
	if whole {
		return message
	}
	return digests.Get().ReplaceAllStringFunc(message, func(d string) string { return "sha256:" + Digest(d, false) })
}

// width returns the number of columns of a string.
func width(s string) int { return runewidth.StringWidth(s) }

// pad appends spaces up to a width.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-width(s)))
}

// shorten returns s with at most columns characters.
func shorten(s string, columns int) string {
	if width(s) <= columns {
		return s
	}
	return text.Shorten(s, columns)
}
