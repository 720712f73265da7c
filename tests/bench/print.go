package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// table prints what f prints and, if docs is not empty, puts it between the
// markers of that name in the file.
func (b *bench) table(docs, name string, f func() error) error {
	var printed bytes.Buffer
	stdout := b.out
	b.out = io.MultiWriter(stdout, &printed)
	err := f()
	b.out = stdout
	if err != nil || docs == "" {
		return err
	}
	text, err := os.ReadFile(docs)
	if err != nil {
		return err
	}
	begin, end := "<!-- begin: "+name+" -->\n", "<!-- end: "+name+" -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, found := strings.Cut(rest, end)
	if !ok || !found {
		return fmt.Errorf("%s lacks %q and %q", docs, begin, end)
	}
	return os.WriteFile(docs, []byte(before+begin+"\n"+printed.String()+"\n"+end+after), 0o644)
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

// print writes a row per contender, with its ratio to each peer of the case:
// the median of the ratios round by round, which holds when the machine's speed
// drifts.
func (b *bench) print(c benchCase, times [][]time.Duration, trips []int) {
	for i, contender := range c.contenders {
		row := fmt.Sprintf("| %s | %s | %s | %s – %s |", c.name, contender.name,
			round(median(times[i])), round(slices.Min(times[i])), round(slices.Max(times[i])))
		ratios := ""
		if trips[i] > 0 {
			ratios = fmt.Sprintf("%d round trips", trips[i])
		}
		for j, peer := range c.contenders {
			if i == j || !peer.peer || contender.peer {
				continue
			}
			if ratios != "" {
				ratios += ", "
			}
			ratios += fmt.Sprintf("%.2f × %s", ratio(times[i], times[j]), peer.name)
		}
		fmt.Fprintln(b.out, row+" "+ratios+" |")
	}
}

func ratio(a, b []time.Duration) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = float64(a[i]) / float64(b[i])
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
