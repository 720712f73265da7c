package oci

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
)

// Limits on the work of one command with packages that it did not build. They
// are far above real packages, and keep a small file from causing endless work.
// A command within the limits takes less than 10 seconds of CPU and 256 MiB.
const (
	// A package of 1,000 targets has 1,000 configs of 94 KB with the same labels.
	budgetDocuments = 3_000
	budgetRead      = 160 << 20
	budgetBytes     = 48 << 20
	budgetValues    = 500_000
	budgetEntries   = 300_000
	budgetNames     = 24 << 20
	budgetExpanded  = 2 << 30
)

// EnvLimits is the environment variable that multiplies the limits of a
// [Budget].
const EnvLimits = "EXTPACK_LIMITS"

// Budget limits the work of one command. A nil budget has no limits.
type Budget struct {
	factor int64

	mu        sync.Mutex
	documents map[digest.Digest]bool
	labels    map[string]string // values that configs have in common

	read, bytes, values, entries, names, expanded atomic.Int64
}

type budgetKey struct{}

// WithBudget returns a context in which everything that is read counts towards
// one budget, of the default limits times factor.
func WithBudget(ctx context.Context, factor int) context.Context {
	return context.WithValue(ctx, budgetKey{}, &Budget{factor: int64(factor), documents: map[digest.Digest]bool{}, labels: map[string]string{}})
}

// Factor returns the factor of the user for the limits.
func Factor() (int, error) {
	value := os.Getenv(EnvLimits)
	if value == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 1000 {
		return 0, diag.Invalidf("%s=%.40q is not a number from 1 to 1000", EnvLimits, value)
	}
	return n, nil
}

// WithoutBudget returns a context in which nothing is counted, for what this
// process has built itself.
func WithoutBudget(ctx context.Context) context.Context {
	return context.WithValue(ctx, budgetKey{}, (*Budget)(nil))
}

// BudgetOf returns the budget of ctx, or nil.
func BudgetOf(ctx context.Context) *Budget {
	b, _ := ctx.Value(budgetKey{}).(*Budget)
	return b
}

// LimitError is returned if a budget is exhausted. It is an [ErrTooLarge] and a
// [diag.InvalidError].
type LimitError struct {
	// What is the counted unit, in the plural.
	What  string
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("exceeds the limit of %d %s for one command", e.Limit, e.What)
}

// LimitHint is the hint to raise the limits.
const LimitHint = "if you trust the package, raise the limits: set " + EnvLimits + "=2"

// Unwrap returns [ErrTooLarge], and the error as invalid input.
func (e *LimitError) Unwrap() []error {
	return []error{ErrTooLarge, diag.WithHint(diag.Invalidf("%s", e.Error()), LimitHint)}
}

func (b *Budget) check(used, limit int64, what string) error {
	if limit *= b.factor; used > limit {
		return &LimitError{what, limit}
	}
	return nil
}

// Document counts a document. A document that is read again counts once, but
// its bytes count each time.
func (b *Budget) Document(d digest.Digest, size int64) error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	b.documents[d] = true
	n := int64(len(b.documents))
	b.mu.Unlock()
	if err := b.check(n, budgetDocuments, "documents"); err != nil {
		return err
	}
	if err := b.check(b.read.Add(size), budgetRead, "bytes of documents"); err != nil {
		return err
	}
	return b.check(b.bytes.Add(size), budgetBytes, "bytes of different documents")
}

// maxShort is the length up to which the value of a label is not worth sharing.
const maxShort = 128

// share replaces the values of labels that another config has by its own, which
// take no more memory. Every image of a package has the same large labels.
func (b *Budget) share(labels map[string]string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, value := range labels {
		if len(value) <= maxShort {
			continue
		}
		known, ok := b.labels[value]
		if ok {
			labels[name] = known
			b.bytes.Add(-int64(len(value)))
		} else {
			b.labels[value] = value
		}
	}
}

// Values counts the values of a document in JSON.
func (b *Budget) Values(n int) error {
	if b == nil {
		return nil
	}
	return b.check(b.values.Add(int64(n)), budgetValues, "values in documents")
}

// Entry counts an entry of a layer, with the bytes of its names.
func (b *Budget) Entry(names int) error {
	if b == nil {
		return nil
	}
	if err := b.check(b.entries.Add(1), budgetEntries, "files in layers"); err != nil {
		return err
	}
	return b.check(b.names.Add(int64(names)), budgetNames, "bytes of file names in layers")
}

// Expand counts bytes that a layer expands to.
func (b *Budget) Expand(n int64) error {
	if b == nil {
		return nil
	}
	return b.check(b.expanded.Add(n), budgetExpanded, "bytes of expanded layers")
}
