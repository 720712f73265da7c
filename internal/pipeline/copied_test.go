package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/plan"
)

// copier is a fake that copies extensions whose slug begins with "static", and
// records what is done.
type copier struct {
	done []string
	err  error
}

func (c *copier) record(what string, extensions []*plan.Extension) {
	for _, e := range extensions {
		what += " " + e.Slug
	}
	c.done = append(c.done, what)
}

func (c *copier) CopiesDir(e *plan.Extension) bool { return strings.HasPrefix(e.Slug, "static") }

func (c *copier) CopyDirs(_ context.Context, extensions []*plan.Extension, _ string) ([]plan.Copy, error) {
	c.record("copy", extensions)
	return nil, c.err
}

func (c *copier) BuildCopied(_ context.Context, p *plan.Plan, _ []plan.Copy, _ string) ([]plan.Built, error) {
	c.record("pack", p.Extensions)
	return make([]plan.Built, len(p.Extensions)), nil
}

func (c *copier) Build(_ context.Context, p *plan.Plan, _ string) ([]plan.Built, error) {
	c.record("build", p.Extensions)
	return make([]plan.Built, len(p.Extensions)), nil
}

func TestCopied(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for name, tt := range map[string]struct {
		slugs []string
		err   error
		built int
		done  []string
	}{
		"static": {slugs: []string{"static1", "static2"}, built: 2, done: []string{"copy static1 static2", "pack static1 static2"}},
		"stages": {slugs: []string{"a", "b"}, built: 2, done: []string{"build a b"}},
		"both":   {slugs: []string{"static1", "a", "static2"}, built: 3, done: []string{"build a", "copy static1 static2", "pack static1 static2"}},
		"fails":  {slugs: []string{"static1"}, err: failed, done: []string{"copy static1"}},
	} {
		c := &copier{err: tt.err}
		p := &plan.Plan{}
		for _, slug := range tt.slugs {
			p.Extensions = append(p.Extensions, &plan.Extension{Slug: slug})
		}
		built, err := Copied{Engine: c, Copier: c, Packer: c}.Build(t.Context(), p, t.TempDir())
		if !errors.Is(err, tt.err) || len(built) != tt.built || !slices.Equal(c.done, tt.done) {
			t.Errorf("%s: %d layouts, %v, %q", name, len(built), err, c.done)
		}
	}
}
