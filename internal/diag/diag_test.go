package diag

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// The message of an error is without its hints, whatever wraps it; Text has
// each below the line that it is about.
func TestHints(t *testing.T) {
	hinted := WithHint(errors.New("no builder"), "make one")
	invalid := WithHint(Invalidf("%s is not valid", "--x"), "correct it")
	both := &InvalidError{Diagnostics: List{{Message: "a", Hint: "do a"}, {Message: "b"}}}
	for _, tt := range []struct {
		err           error
		message, text string
		hints         []string
	}{
		{hinted, "no builder", "no builder\n  make one", []string{"make one"}},
		{fmt.Errorf("building: %w", hinted), "building: no builder", "building: no builder\n  make one", []string{"make one"}},
		{WithHint(hinted, "or leave it"), "no builder", "no builder\n  make one\n  or leave it", []string{"or leave it", "make one"}},
		{invalid, "--x is not valid", "--x is not valid\n  correct it", []string{"correct it"}},
		{both, "a\nb", "a\n  do a\nb", []string{"do a"}},
		{&InvalidError{Diagnostics: List{{Message: "a", Hint: "do it"}, {Message: "b", Hint: "do it"}, {Message: "c", Hint: "do c"}}}, "a\nb\nc", "a\nb\n  do it\nc\n  do c", []string{"do it", "do it", "do c"}},
		{fmt.Errorf("x: %w\nnothing was built", both), "x: a\nb\nnothing was built", "x: a\n  do a\nb\nnothing was built", []string{"do a"}},
		{errors.Join(hinted, invalid), "no builder\n--x is not valid", "no builder\n  make one\n--x is not valid\n  correct it", []string{"make one", "correct it"}},
		{fmt.Errorf("%w, so that fails", hinted), "no builder, so that fails", "no builder, so that fails\n  make one", []string{"make one"}},
		{fmt.Errorf("%w and %w", hinted, invalid), "no builder and --x is not valid", "no builder and --x is not valid\n  make one\n  correct it", []string{"make one", "correct it"}},
		{Invalidf("--y: %v", hinted), "--y: no builder", "--y: no builder\n  make one", []string{"make one"}},
		{WithHint(errors.New("x"), ""), "x", "x", nil},
	} {
		if got := tt.err.Error(); got != tt.message {
			t.Errorf("message %q, want %q", got, tt.message)
		}
		if got := Text(tt.err); got != tt.text {
			t.Errorf("text %q, want %q", got, tt.text)
		}
		if got := Hints(tt.err); !slices.Equal(got, tt.hints) {
			t.Errorf("hints %q, want %q", got, tt.hints)
		}
		if got := Hint(tt.err); len(tt.hints) > 0 && got != tt.hints[0] || len(tt.hints) == 0 && got != "" {
			t.Errorf("first hint %q, want of %q", got, tt.hints)
		}
	}
	if WithHint(nil, "x") != nil {
		t.Error("a hint makes an error of nil")
	}
	if !IsInvalid(invalid) || Of(invalid)[0].Hint != "correct it" {
		t.Errorf("got %+v", Of(invalid))
	}
}
