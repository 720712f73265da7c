package pipeline

import (
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/plan"
)

// TestIndexOutputs tells files from directories, and refuses what could not be
// written.
func TestIndexOutputs(t *testing.T) {
	t.Parallel()
	dir := filetest.Dir(t, map[string]string{"full/file": "no layout", "layout/": "", "x.cnb/": ""})
	outs, err := IndexOutputs([]string{"r.example.com/a:1"}, []string{dir + "/b.cnb", dir + "/new/", dir + "/layout"})
	if err != nil || len(outs.Tags) != 1 || outs.Tags[0].Tag() != "1" || !slices.Equal(outs.Files, []string{dir + "/b.cnb"}) || !slices.Equal(outs.Dirs, []string{dir + "/new/", dir + "/layout"}) {
		t.Errorf("got %+v, %v", outs, err)
	}
	for want, outputs := range map[string][]string{
		"is specified twice":         {dir + "/b.cnb", dir + "/./b.cnb"},
		"is neither a package file":  {dir + "/b.tar"},
		"does not exist":             {dir + "/none/b.cnb"},
		"is not empty and no OCI":    {dir + "/full"},
		"is not a folder":            {dir + "/full/file/b.cnb"},
		"cannot write an OCI layout": {dir + "/full/file/"},
	} {
		if _, err := IndexOutputs(nil, outputs); !diag.IsInvalid(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", outputs, err, want)
		}
	}
	if _, err := IndexOutputs([]string{"r.example.com/a@sha256:" + strings.Repeat("0", 64)}, nil); !diag.IsInvalid(err) {
		t.Errorf("a digest as a tag: %v", err)
	}
}

// TestUsesTags: a tag is for what is published, and the name in a layout directory.
func TestUsesTags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		request Request
		want    bool
	}{
		{Request{}, false},
		{Request{Outputs: []string{"x.cnb"}}, false},
		{Request{Outputs: []string{"x.cnb", "dir/"}}, true},
		{Request{Outputs: []string{"x.tar"}}, true},
		{Request{Push: true}, true},
		{Request{Load: true}, true},
		{Request{Append: true}, true},
	} {
		if got := tt.request.UsesTags(); got != tt.want {
			t.Errorf("%+v: %v", tt.request, got)
		}
	}
}

// TestCheckIndex: one image for any platform has no index to append to, or for
// attestations.
func TestCheckIndex(t *testing.T) {
	t.Parallel()
	bound, free := planOf("ext", "acme/x"), &plan.Plan{Extensions: planOf("ext", "acme/y").Extensions}
	free.Extensions[0].Images = []plan.Image{{Any: true}}
	for _, tt := range []struct {
		p                 *plan.Plan
		appends, attested bool
		want              string
	}{
		{bound, true, true, ""},
		{free, false, false, ""},
		{free, true, false, "--append requires an index"},
		{free, false, true, "attestations require an index"},
	} {
		err := CheckIndex(tt.p, tt.appends, tt.attested)
		if diag.IsInvalid(err) != (tt.want != "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
	if err := CheckSingle(bound); !diag.IsInvalid(err) {
		t.Errorf("two images without an index: %v", err)
	}
	if err := CheckSingle(free); err != nil {
		t.Errorf("one image: %v", err)
	}
}
