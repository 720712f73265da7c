package cliplugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errNoAnswer is returned if standard input ends before an answer.
var errNoAnswer = errors.New("standard input ended before all values were entered")

// prompter asks for lines of text.
type prompter struct {
	out   io.Writer
	lines <-chan string
}

// newPrompter reads lines from in until it ends. The goroutine is never
// stopped, because a read from a terminal cannot be interrupted.
func newPrompter(in io.Reader, out io.Writer) *prompter {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return &prompter{out, lines}
}

// ask prints a question and returns the answer, without surrounding blanks.
func (p *prompter) ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(p.out, question)
	select {
	case line, ok := <-p.lines:
		if !ok {
			fmt.Fprintln(p.out)
			return "", errNoAnswer
		}
		return strings.TrimSpace(line), nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
