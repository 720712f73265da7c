package text

import "github.com/docker/go-units"

// Size returns a number of bytes as docker prints it, such as "45.6MB".
func Size(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }

// Shorten returns s in at most width characters; what is in the middle goes.
func Shorten(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	if width < 2 {
		return "…"
	}
	head := (width - 1) / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(width-1-head):])
}
