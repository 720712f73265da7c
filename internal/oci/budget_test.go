package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
)

// TestBudget: each kind of work has a limit, which the factor multiplies. Without
// a budget there is none.
func TestBudget(t *testing.T) {
	t.Parallel()
	some := digest.FromString("x")
	const mib = 1 << 20
	for what, spend := range map[string]func(b *Budget) error{
		"documents": func(b *Budget) (err error) {
			for i := range budgetDocuments + 1 {
				err = errors.Join(err, b.Document(digest.FromString(fmt.Sprint(i)), 1))
			}
			return err
		},
		"bytes of documents": func(b *Budget) (err error) {
			for range budgetRead/mib + 1 { // the same one, read again
				err = errors.Join(err, b.Document(some, mib))
				if b != nil {
					b.bytes.Store(0)
				}
			}
			return err
		},
		"bytes of different documents": func(b *Budget) error { return b.Document(some, budgetBytes+1) },
		"values in documents":          func(b *Budget) error { return b.Values(budgetValues + 1) },
		"files in layers": func(b *Budget) (err error) {
			for range budgetEntries + 1 {
				if err = b.Entry(0); err != nil {
					break
				}
			}
			return err
		},
		"bytes of file names in layers": func(b *Budget) error { return b.Entry(budgetNames + 1) },
		"bytes of expanded layers":      func(b *Budget) error { return b.Expand(budgetExpanded + 1) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			err := spend(BudgetOf(WithBudget(t.Context(), 1)))
			if limit := (*LimitError)(nil); !errors.As(err, &limit) || limit.What != what {
				t.Errorf("got %v", err)
			}
			if !errors.Is(err, ErrTooLarge) || !diag.IsInvalid(err) {
				t.Errorf("%v is not too large, or not invalid", err)
			}
			if err := spend(BudgetOf(WithBudget(t.Context(), 2))); err != nil {
				t.Errorf("twice the limit: %v", err)
			}
			for _, ctx := range []context.Context{t.Context(), WithoutBudget(WithBudget(t.Context(), 1))} {
				if err := spend(BudgetOf(ctx)); err != nil {
					t.Errorf("without a budget: %v", err)
				}
			}
		})
	}
}

func TestFactor(t *testing.T) {
	for value, want := range map[string]int{"": 1, "1": 1, "1000": 1000, "0": 0, "1001": 0, "-1": 0, "2x": 0} {
		t.Setenv(EnvLimits, value)
		if got, err := Factor(); got != want || diag.IsInvalid(err) != (want == 0) {
			t.Errorf("%q: %d, %v", value, got, err)
		}
	}
}

// TestBudgetReader: what a layer expands to counts while it is read.
func TestBudgetReader(t *testing.T) {
	t.Parallel()
	b := BudgetOf(WithBudget(t.Context(), 1))
	if err := b.Expand(budgetExpanded - 10); err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(b.Reader(strings.NewReader("0123456789"))); err != nil || len(data) != 10 {
		t.Errorf("within the limit: %q, %v", data, err)
	}
	if _, err := io.ReadAll(b.Reader(strings.NewReader("x"))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("beyond it: %v", err)
	}
}

// TestBudgetShares: the large labels that all images have take memory once.
func TestBudgetShares(t *testing.T) {
	t.Parallel()
	b := BudgetOf(WithBudget(t.Context(), 1))
	long := strings.Repeat("x", maxShort+1)
	b.bytes.Store(10_000)
	for range 3 {
		labels := map[string]string{"short": "x", "long": strings.Clone(long)}
		b.share(labels)
		if labels["short"] != "x" || labels["long"] != long {
			t.Errorf("changed to %q", labels)
		}
	}
	if left := 10_000 - b.bytes.Load(); left != 2*int64(len(long)) {
		t.Errorf("%d bytes are not counted again", left)
	}
}
