package main

import (
	"fmt"
	"html"
	"math"
	"os"
	"strings"
	"time"
)

// Sizes of the picture, in pixels: panels in rows of three.
const (
	panelWidth, panelHeight = 300, 230
	perRow                  = 3
	marginLeft, marginTop   = 58, 36
	marginRight, marginBase = 14, 34
)

// writePicture writes the curves as SVG: CPU time over size, both logarithmic,
// with the line that is linear up to the largest; time over the round trip.
func writePicture(name string, curves []curve) error {
	var b strings.Builder
	rows := (len(curves) + perRow - 1) / perRow
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", perRow*panelWidth, rows*panelHeight)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	for i, c := range curves {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", i%perRow*panelWidth, i/perRow*panelHeight)
		c.draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

// value is what a panel shows of a sample.
func (c curve) value(s sample) time.Duration {
	if c.link {
		return s.time
	}
	return s.cpu
}

func (c curve) draw(b *strings.Builder) {
	x, y := c.scales()
	title := "CPU time by " + c.name
	if c.link {
		title = "time by " + c.name
	}
	fmt.Fprintf(b, `<text x="%d" y="20" font-weight="bold">%s</text>`+"\n", marginLeft, html.EscapeString(title))
	fmt.Fprintf(b, `<path d="M%d %dV%dH%d" fill="none" stroke="#888"/>`+"\n", marginLeft, marginTop, panelHeight-marginBase, panelWidth-marginRight)
	last := c.samples[len(c.samples)-1]
	var line, linear []string
	for _, s := range c.samples {
		at, v := x(float64(s.size)), c.value(s)
		line = append(line, fmt.Sprintf("%.1f,%.1f", at, y(v.Seconds())))
		if !c.link {
			share := c.value(last).Seconds() * float64(s.size) / float64(last.size)
			linear = append(linear, fmt.Sprintf("%.1f,%.1f", at, min(y(share), panelHeight-marginBase)))
		}
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="#0a5dc2"/>`+"\n", at, y(v.Seconds()))
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", at, y(v.Seconds())-7, round(v))
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#555">%d</text>`+"\n", at, panelHeight-marginBase+15, s.size)
	}
	if !c.link {
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="#bbb" stroke-dasharray="4 3"/>`+"\n", strings.Join(linear, " "))
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="#555">peak memory of the largest: %d MiB</text>`+"\n", marginLeft, panelHeight-4, last.memory)
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="#0a5dc2" stroke-width="1.5"/>`+"\n", strings.Join(line, " "))
}

// scales return the functions from sizes and seconds to pixels.
func (c curve) scales() (x, y func(float64) float64) {
	scale := math.Log10
	if c.link {
		scale = func(v float64) float64 { return v }
	}
	largest, slowest, fastest := c.samples[len(c.samples)-1].size, 0.0, math.Inf(1)
	for _, s := range c.samples {
		v := c.value(s).Seconds()
		slowest, fastest = max(slowest, v), min(fastest, v)
	}
	if c.link {
		fastest = 0
	}
	between := func(low, high float64, from, to int) func(float64) float64 {
		return func(v float64) float64 {
			return float64(from) + (scale(v)-scale(low))/(scale(high)-scale(low))*float64(to-from)
		}
	}
	return between(float64(c.samples[0].size), float64(largest), marginLeft+14, panelWidth-marginRight-20),
		between(fastest, slowest, panelHeight-marginBase-10, marginTop+16)
}
