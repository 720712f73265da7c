// Package progress shows the progress of packing and pushing: bars on a terminal,
// otherwise lines of text or JSON.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/vbauerster/mpb/v8"
	"golang.org/x/term"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/text"
)

const (
	// longWork is the size in bytes from which progress of packing or pushing a
	// layer is shown.
	longWork = 4 << 20
	// minWidth is the minimum width of a terminal for bars.
	minWidth = 50
	// lineEvery is the interval of progress lines if there are no bars.
	lineEvery = 10 * time.Second
)

// Progress shows the progress of work: bars on a terminal, otherwise lines,
// nothing if quiet.
type Progress struct {
	out   io.Writer
	quiet bool
	bars  bool
	// terminal reports whether standard error is a terminal with a person
	// before it, who gets a line for each step.
	terminal bool

	mu      sync.Mutex
	group   *mpb.Progress // of the bars that are drawn
	drawn   map[string]*mpb.Bar
	told    map[string]time.Time // time of the last line of a piece of work; zero if it is done
	several bool                 // extensions, which names have to tell apart then
	layers  map[digest.Digest]layerUsers
}

// layerUsers are the images that use a layer.
type layerUsers struct {
	extension string
	first     string
	count     int
}

// New returns the progress of a command that writes to out. mode is that of
// [Mode].
func New(out io.Writer, mode string, isQuiet bool) *Progress {
	p := &Progress{
		out: out, quiet: isQuiet || mode == quiet,
		drawn: map[string]*mpb.Bar{}, told: map[string]time.Time{}, layers: map[digest.Digest]layerUsers{},
	}
	// Bars require the terminal itself, not a writer to it.
	if fd := int(os.Stderr.Fd()); term.IsTerminal(fd) && mode != plain && mode != JSON {
		width, _, err := term.GetSize(fd)
		p.bars = err == nil && width >= minWidth
		p.terminal = !p.quiet
	}
	return p
}

// Terminal reports whether a person follows on a terminal.
func (p *Progress) Terminal() bool { return p.terminal }

// Begin sets the plan that the work is for.
func (p *Progress) Begin(made *plan.Plan) { p.several = len(made.Extensions) > 1 }

// Verified records the images of the layers of a package.
func (p *Progress) Verified(e *plan.Extension, images []annotate.Image) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, i := range images {
		users, ok := p.layers[i.Layer]
		if !ok {
			users = layerUsers{extension: e.Descriptor.Info.ID, first: e.Images[n].String()}
			if platform.IsZero(e.Images[n].Platform) && !i.Any {
				users.first = platform.Format(i.Platform) // the builder's
			}
		}
		users.count++
		p.layers[i.Layer] = users
	}
}

// work is a piece of work with its names in messages.
type work struct {
	key string
	// verbs are, for instance, "push", "pushing" and "pushed".
	verbs [3]string
	name  string
	// to is the repository that it is pushed to, if any.
	to string
}

// Packed is for [embedded.Engine.Progress].
func (p *Progress) Packed(layer embedded.Layer, total int64) {
	name := layer.Image.String()
	if p.several {
		name = layer.String()
	}
	p.show(work{"pack " + layer.String(), [3]string{"pack", "packing", "packed"}, name, ""}, total, layer.Size())
}

// Pushed is for [registry.Options.Progress].
func (p *Progress) Pushed(e registry.Event) {
	p.pushesTo(e.Repository)
	bytes := e.Bytes
	switch e.State {
	case registry.Uploading:
		bytes = min(bytes, e.Descriptor.Size-1) // it is done when the registry confirms it
	case registry.Done:
		bytes = e.Descriptor.Size
	default:
		return
	}
	p.mu.Lock()
	name := p.nameOf(e.Descriptor.Digest)
	p.mu.Unlock()
	p.show(work{"push " + e.Descriptor.Digest.String() + " " + e.Repository, [3]string{"push", "pushing", "pushed"}, name, e.Repository}, bytes, e.Descriptor.Size)
}

// pushesTo prints the repository before the bars of its layers.
func (p *Progress) pushesTo(repository string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal || !p.told[repository].IsZero() {
		return
	}
	p.endDrawn()
	p.told[repository] = time.Now()
	_, _ = p.write([]byte("pushing to " + repository + "\n")) // errors of progress output are ignored
}

// nameOf returns the name of the platform of a layer.
func (p *Progress) nameOf(layer digest.Digest) string {
	users, ok := p.layers[layer]
	switch {
	case !ok:
		return fmt.Sprintf("layer %.12s", layer.Encoded())
	case users.count > 1:
		users.first = text.Count(users.count, "platform")
	}
	if p.several {
		return users.extension + " " + users.first
	}
	return users.first
}

// show sets the progress of a piece of work to now of total.
func (p *Progress) show(w work, now, total int64) {
	if p.quiet || total < longWork {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.bars {
		p.line(w, now, total)
		return
	}
	bar := p.drawn[w.key]
	if bar == nil {
		p.endDrawn()
		bar = p.draw(w.verbs[0]+" "+w.name, total)
		p.drawn[w.key] = bar
	}
	bar.SetCurrent(now)
}

// line prints a line when work is done, and at intervals its progress.
func (p *Progress) line(w work, now, total int64) {
	last, begun := p.told[w.key]
	if w.to != "" {
		w.name += " to " + w.to
	}
	switch {
	case begun && last.IsZero():
	case now >= total:
		p.told[w.key] = time.Time{}
		fmt.Fprintf(p.out, "%s %s (%s)\n", w.verbs[2], w.name, text.Size(total))
	case !begun:
		p.told[w.key] = time.Now()
	case time.Since(last) >= lineEvery:
		p.told[w.key] = time.Now()
		fmt.Fprintf(p.out, "%s %s: %s of %s\n", w.verbs[1], w.name, text.Size(now), text.Size(total))
	}
}

// Write prints lines: below the bars if they are complete, or else above them.
func (p *Progress) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endDrawn()
	return p.write(line)
}

func (p *Progress) write(line []byte) (int, error) {
	if p.group != nil {
		return p.group.Write(line)
	}
	return p.out.Write(line)
}

// Close stops drawing and leaves the bars on the terminal.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, bar := range p.drawn {
		if !bar.Completed() {
			bar.Abort(false) // unfinished bars keep their state
		}
	}
	p.end()
}
