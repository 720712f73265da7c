package audit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/verify"
)

const descriptor = "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.0.0\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"

// packageOf packages the extension in dir into a layout.
func packageOf(t *testing.T, dir string) string {
	t.Helper()
	p, _, err := plan.New(t.Context(), []string{dir}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	layout := filepath.Join(t.TempDir(), "layout")
	_, err = pipeline.Run(t.Context(), p, &embedded.Engine{}, pipeline.Options{
		Force: true,
		Destinations: func(*plan.Extension) []pipeline.Destination {
			return []pipeline.Destination{pipeline.Dir{Name: layout}}
		},
		Warn: func(*plan.Extension, verify.Finding) {}, Verified: func(*plan.Extension, []annotate.Image) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

func rulesOf(list diag.List) []string {
	var ids []string
	for _, d := range list {
		ids = append(ids, d.Rule)
	}
	return ids
}

// TestRun checks a directory and a package of the same extension, and repairs the
// directory.
func TestRun(t *testing.T) {
	t.Parallel()
	// bin/generate is a program that cannot be started from a checkout.
	dir := filetest.Dir(t, map[string]string{"extension.toml": descriptor, "bin/generate": "#!/bin/sh\n"})
	layout := packageOf(t, dir)
	r := Request{Names: []string{dir, layout}, Client: registry.New(registry.Options{})}
	reports, err := Run(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) != 2 || reports[0].Package || !reports[1].Package || reports[1].Extension == nil || !slices.Equal(reports[1].Platforms, []string{"linux/amd64"}) {
		t.Fatalf("got %+v", reports)
	}
	before := rulesOf(reports[0].Findings)
	if !slices.Contains(before, "entry-point-mode") {
		t.Fatalf("findings of the directory: %q", before)
	}
	if found := rulesOf(reports[1].Findings); slices.Contains(found, "entry-point-mode") {
		t.Errorf("findings of the package, where modes are set: %q", found)
	}
	var diffs []string
	r.Changed = func(diff string) { diffs = append(diffs, diff) }
	reports, err = Run(t.Context(), r)
	if err != nil || len(diffs) != 1 || diffs[0] == "" {
		t.Fatalf("repaired %q, %v", diffs, err)
	}
	if after := rulesOf(reports[0].Findings); slices.Contains(after, "entry-point-mode") {
		t.Errorf("left %q", after)
	}
	if info, err := os.Stat(filepath.Join(dir, "bin", "generate")); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestRunFails: an argument that is not a package is an error with its name.
func TestRunFails(t *testing.T) {
	t.Parallel()
	dir := filetest.Dir(t, map[string]string{"extension.toml": descriptor, "x.cnb": "not a package"})
	r := Request{Names: []string{dir, filepath.Join(dir, "x.cnb")}, Client: registry.New(registry.Options{})}
	if _, err := Run(t.Context(), r); err == nil || !strings.Contains(err.Error(), "x.cnb") {
		t.Errorf("got %v", err)
	}
}
