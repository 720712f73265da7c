package oci

import "io"

// Reader returns a reader of expanded data that counts towards the budget.
func (b *Budget) Reader(r io.Reader) io.Reader { return &budgetReader{r, b} }

type budgetReader struct {
	r      io.Reader
	budget *Budget
}

func (b *budgetReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if limit := b.budget.Expand(int64(n)); limit != nil {
		return n, limit
	}
	return n, err
}
