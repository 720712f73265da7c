package progress

import (
	"fmt"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/extpack/extpack/internal/text"
)

const (
	// barWidth is the longest bar.
	barWidth = 40
	// speedWidth is the minimum width of a terminal for the speed.
	speedWidth = 90
)

// nameWidth returns how long a name may be, so that the bar and the numbers stay
// on the line: 20 of 60 columns, 40 of 120.
func nameWidth(columns int) int { return max(16, min(columns/3, 40)) }

// draw adds a bar: name, bar, bytes, speed and remaining time. On a narrow
// terminal, names are shortened and the speed is omitted.
func (p *Progress) draw(name string, total int64) *mpb.Bar {
	if p.group == nil {
		p.group = mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(barWidth))
	}
	columns := 0 // width of the terminal when the line was last drawn
	pace := pace{begun: time.Now()}
	return p.group.AddBar(total,
		mpb.PrependDecorators(decor.Any(func(s decor.Statistics) string {
			columns = s.AvailableWidth
			return text.Shorten(name, nameWidth(columns))
		}, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(
			decor.Any(func(s decor.Statistics) string {
				return text.Size(s.Current) + " / " + text.Size(s.Total)
			}, decor.WCSyncSpace),
			decor.Any(func(s decor.Statistics) string {
				if columns < speedWidth {
					return ""
				}
				return text.Size(int64(pace.perSecond(s))) + "/s"
			}, decor.WCSyncSpace),
			decor.Any(func(s decor.Statistics) string {
				if s.Completed {
					return "done"
				}
				return pace.left(s)
			}, decor.WCSyncSpace),
		))
}

// endDrawn leaves the bars on the screen when all are complete, so that further
// output is below them.
func (p *Progress) endDrawn() {
	for _, bar := range p.drawn {
		if !bar.Completed() {
			return
		}
	}
	p.end()
}

func (p *Progress) end() {
	if p.group == nil {
		return
	}
	p.group.Wait()
	p.group = nil
	clear(p.drawn)
}

// pace is the average speed of a bar.
type pace struct {
	begun time.Time
	took  time.Duration // once it is complete
}

func (p *pace) perSecond(s decor.Statistics) float64 {
	took := time.Since(p.begun)
	if s.Completed {
		if p.took == 0 {
			p.took = took
		}
		took = p.took
	}
	return float64(s.Current) / max(took.Seconds(), 0.001)
}

// left returns the remaining minutes and seconds.
func (p *pace) left(s decor.Statistics) string {
	speed := p.perSecond(s)
	if speed < 1 {
		return "--:--"
	}
	left := time.Duration(float64(s.Total-s.Current) / speed * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%02d:%02d", min(int(left.Minutes()), 99), int(left.Seconds())%60)
}
