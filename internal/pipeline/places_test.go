package pipeline

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
)

// planOf returns a plan of extensions in folders below dir, each for two
// platforms.
func planOf(dir string, ids ...string) *plan.Plan {
	p := &plan.Plan{}
	for _, id := range ids {
		e := &plan.Extension{
			Dir:        filepath.Join(dir, filepath.FromSlash(id)),
			Descriptor: &extension.Descriptor{Info: extension.Info{ID: id, Version: "1.2.3"}},
		}
		for _, arch := range []string{"amd64", "arm64"} {
			e.Images = append(e.Images, plan.Image{Platform: v1.Platform{OS: "linux", Architecture: arch}})
		}
		p.Extensions = append(p.Extensions, e)
	}
	return p
}

func TestResolve(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, tt := range map[string]struct {
		tags    []string
		request Request
		want    []string
	}{
		"nothing":   {nil, Request{}, []string{"write acme_x-1.2.3.cnb"}},
		"file":      {nil, Request{Outputs: []string{"{{.Version}}.cnb"}}, []string{"write 1.2.3.cnb"}},
		"files":     {nil, Request{Outputs: []string{"{{.Arch}}.cnb"}}, []string{"write amd64.cnb, arm64.cnb"}},
		"directory": {nil, Request{Outputs: []string{"d/"}}, []string{"write d/"}},
		"any name":  {nil, Request{Outputs: []string{"type=oci,dest={{.Arch}}.tar"}}, []string{"write amd64.tar, arm64.tar"}},
		"exporter":  {nil, Request{Outputs: []string{"type=oci,dest=d/,tar=false"}}, []string{"write d/"}},
		"push":      {[]string{"r.example.com/x:1", "r.example.com/x:2"}, Request{Push: true}, []string{"push r.example.com/x:1, r.example.com/x:2"}},
		"append":    {[]string{"r.example.com/x:1"}, Request{Push: true, Append: true}, []string{"append to r.example.com/x:1"}},
		"load":      {nil, Request{Load: true}, []string{"load acme/x:1.2.3"}},
		"all, what is local first": {
			[]string{"r.example.com/x:1"},
			Request{Push: true, Load: true, Outputs: []string{"x.cnb", "d/"}},
			[]string{"write x.cnb", "write d/", "load r.example.com/x:1", "push r.example.com/x:1"},
		},
	} {
		p := planOf("ext", "acme/x")
		p.Extensions[0].Tags = tt.tags
		places, err := Resolve(p, tt.request)
		var got []string
		for _, d := range places[p.Extensions[0]] {
			got = append(got, d.Verb+" "+d.Name)
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) || len(places.Of(p.Extensions[0])) != len(tt.want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, tt.want)
		}
		if want := !strings.Contains(strings.Join(tt.want, "\n"), " d/") && !tt.request.Push && !tt.request.Load; places.OnlyFiles() != want {
			t.Errorf("%s: only files is %v", name, !want)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("ext/acme/x", 0o755); err != nil {
		t.Fatal(err)
	}
	for want, tt := range map[string]struct {
		ids     []string
		request Request
	}{
		"--append requires --push":                               {[]string{"acme/x"}, Request{Append: true}},
		"--push: no tag to publish acme/x@1.2.3 to":              {[]string{"acme/x"}, Request{Push: true}},
		"--output ./a.cnb is specified twice":                    {[]string{"acme/x"}, Request{Outputs: []string{"a.cnb", "./a.cnb"}}},
		"--output a.cnb is used for both acme/x@1.2.3 and acme/": {[]string{"acme/x", "acme/y"}, Request{Outputs: []string{"a.cnb"}}},
		"--output ext/acme/x/d/ is inside the extension":         {[]string{"acme/x"}, Request{Outputs: []string{"ext/acme/x/d/"}}},
		"--output ext/acme/x/x.tar is inside the extension":      {[]string{"acme/x"}, Request{Outputs: []string{"type=oci,dest=ext/acme/x/x.tar"}}},
		"--output x.tar is specified twice":                      {[]string{"acme/x"}, Request{Outputs: []string{"type=oci,dest=x.tar", "dest=x.tar,type=oci,tar=true"}}},
		`"type=oci": dest is required`:                           {[]string{"acme/x"}, Request{Outputs: []string{"type=oci"}}},
		`"type=oci,dest=-": dest is required`:                    {[]string{"acme/x"}, Request{Outputs: []string{"type=oci,dest=-"}}},
		`"type=registry,dest=x": type "registry" is not`:         {[]string{"acme/x"}, Request{Outputs: []string{"type=registry,dest=x"}}},
		`"type=oci,dest=x,name=y": "name" is not supported`:      {[]string{"acme/x"}, Request{Outputs: []string{"type=oci,dest=x,name=y"}}},
		`"type=oci,dest=x,tar=no": tar "no" is neither`:          {[]string{"acme/x"}, Request{Outputs: []string{"type=oci,dest=x,tar=no"}}},
		`"type=oci,\"dest=x": has invalid quotes`:                {[]string{"acme/x"}, Request{Outputs: []string{`type=oci,"dest=x`}}},
		`--output "x.tar" is neither`:                            {[]string{"acme/x"}, Request{Outputs: []string{"x.tar"}}},
		"--output none/x.cnb: the folder none does not exist":    {[]string{"acme/x"}, Request{Outputs: []string{"none/x.cnb"}}},
	} {
		if places, err := Resolve(planOf("ext", tt.ids...), tt.request); !diag.IsInvalid(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v", want, places, err)
		}
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	p := planOf("ext", "acme/x")
	if err := CheckSingle(p); !diag.IsInvalid(err) || err.Error() != "--single: acme/x@1.2.3 has 2 images, which require an index" {
		t.Errorf("got %v", err)
	}
	if err := CheckIndex(p, true, true); err != nil {
		t.Errorf("got %v", err)
	}
}
