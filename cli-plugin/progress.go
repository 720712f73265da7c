package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/docker/go-units"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/registry"
)

// longWork is the size in bytes from which packing or pushing a layer is worth
// telling about.
const longWork = 4 << 20

// progress tells how long work comes along: bars on a terminal, a line when
// something is done elsewhere, nothing when quiet.
type progress struct {
	out   io.Writer
	quiet bool
	width int // of the terminal; 0 when there is none

	mu    sync.Mutex
	group *mpb.Progress // made when the first bar is
	bars  map[string]*mpb.Bar
	done  map[string]bool
}

func newProgress(out io.Writer, mode string, quiet bool) *progress {
	p := &progress{out: out, quiet: quiet || mode == "quiet", bars: map[string]*mpb.Bar{}, done: map[string]bool{}}
	// Bars need the terminal itself, not a writer that leads to it.
	if fd := int(os.Stderr.Fd()); term.IsTerminal(fd) && mode != "plain" && mode != progressJSON {
		if width, _, err := term.GetSize(fd); err == nil {
			p.width = width
		}
	}
	return p
}

// Packed is for [embedded.Engine.Progress].
func (p *progress) Packed(layer embedded.Layer, total int64) {
	p.show("pack "+layer.String(), "packed "+layer.String(), total, layer.Size())
}

// Pushed is for [registry.Options.Progress].
func (p *progress) Pushed(e registry.Event) {
	name := e.Descriptor.Digest.String()
	if len(name) > len("sha256:")+12 {
		name = name[:len("sha256:")+12]
	}
	switch e.State {
	case registry.Uploading:
		p.show("push "+name+" to "+e.Repository, "", e.Bytes, e.Descriptor.Size)
	case registry.Done:
		p.show("push "+name+" to "+e.Repository, "pushed "+name+" to "+e.Repository, e.Descriptor.Size, e.Descriptor.Size)
	}
}

// show brings the bar called name to now of total. Without a terminal it prints
// line once, when all is done.
func (p *progress) show(name, line string, now, total int64) {
	if p.quiet || total < longWork {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width == 0 {
		if now >= total && line != "" && !p.done[name] {
			p.done[name] = true
			fmt.Fprintf(p.out, "%s (%s)\n", line, units.HumanSize(float64(total)))
		}
		return
	}
	bar := p.bars[name]
	if bar == nil {
		bar = p.add(name, total)
	}
	bar.SetCurrent(now)
}

func (p *progress) add(name string, total int64) *mpb.Bar {
	if p.group == nil {
		p.group = mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(min(p.width, 40)))
	}
	bar := p.group.AddBar(total,
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(
			decor.CountersKiloByte("% .1f / % .1f", decor.WCSyncSpace),
			decor.AverageSpeed(decor.SizeB1000(0), "% .1f", decor.WCSyncSpace),
			decor.OnComplete(decor.AverageETA(decor.ET_STYLE_MMSS, decor.WCSyncSpace), "done"),
		))
	p.bars[name] = bar
	return bar
}

// Write prints lines, above the bars when there are any.
func (p *progress) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.group != nil {
		return p.group.Write(line)
	}
	return p.out.Write(line)
}

// Close leaves the bars as they are and gives the terminal back.
func (p *progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.group == nil {
		return
	}
	for _, bar := range p.bars {
		if !bar.Completed() {
			bar.Abort(false) // what did not end stays where it was
		}
	}
	p.group.Wait()
	p.group = nil
}
