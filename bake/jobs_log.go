package bake

import "bytes"

// progressStatus is the part of a line of buildx's progress (--progress rawjson)
// that is read: steps, warnings and the output of steps.
type progressStatus struct {
	Vertexes []struct{ Digest, Name, Error string }
	Warnings []struct{ Short []byte }
	Logs     []struct {
		Vertex string
		Data   []byte
	}
}

// lineWriter calls line for each line that is written to it.
type lineWriter struct {
	line func([]byte)
	rest []byte
}

// maxProgressLine limits the length of a line.
const maxProgressLine = 16 << 20

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			break
		}
		w.line(line)
		w.rest = rest
	}
	if len(w.rest) > maxProgressLine {
		w.end()
	}
	return len(p), nil
}

// end processes the last, unterminated line.
func (w *lineWriter) end() {
	w.line(w.rest)
	w.rest = nil
}
