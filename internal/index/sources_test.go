package index

import (
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/source"
)

// bare is a descriptor as a registry returns it: without a platform.
func bare(desc v1.Descriptor) v1.Descriptor {
	desc.Platform, desc.Annotations = nil, nil
	return desc
}

// imageOf makes an image with a config.
func imageOf(s *Staging, config string) v1.Descriptor {
	return put(s, v1.MediaTypeImageManifest, `{"schemaVersion":2,"config":{%s},"layers":[]}`, refer(put(s, v1.MediaTypeImageConfig, "%s", config)))
}

func take(t *testing.T, s *Staging, opts ReadOptions, roots ...v1.Descriptor) ([]*SourceImages, error) {
	t.Helper()
	var sources []*source.Source
	var names []string
	for i, root := range roots {
		names = append(names, string(rune('a'+i)))
		sources = append(sources, &source.Source{ReadOnlyStorage: s, Name: names[i], Root: root})
	}
	return ReadSources(t.Context(), s, sources, names, opts)
}

func mustPut(t *testing.T, s *Staging, x *Index) v1.Descriptor {
	t.Helper()
	desc, err := x.Put(s)
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func TestTakeFindsPlatforms(t *testing.T) {
	t.Parallel()
	windows := v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.1", OSFeatures: []string{"win32k"}}
	for name, tc := range map[string]struct {
		config string
		given  *v1.Platform
		want   v1.Platform
		says   string
	}{
		"config":           {`{"os":"linux","architecture":"arm","variant":"v6"}`, nil, v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}, ""},
		"os.version":       {`{"os":"windows","architecture":"amd64","os.version":"10.0.1","os.features":["win32k"]}`, nil, windows, ""},
		"the same said":    {`{"os":"windows","architecture":"amd64","os.version":"10.0.1","os.features":["win32k"]}`, &v1.Platform{OS: "windows", Architecture: "amd64"}, windows, ""},
		"nowhere":          {`{}`, nil, v1.Platform{}, "--platform"},
		"half":             {`{"os":"linux"}`, nil, v1.Platform{}, "--platform"},
		"said":             {`{}`, &v1.Platform{OS: "linux", Architecture: "s390x"}, v1.Platform{OS: "linux", Architecture: "s390x"}, ""},
		"variant said":     {`{"os":"linux","architecture":"arm"}`, &v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}, v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}, ""},
		"contradiction":    {`{"os":"linux","architecture":"amd64"}`, &v1.Platform{OS: "linux", Architecture: "arm64"}, v1.Platform{}, "is for linux/amd64, not for linux/arm64"},
		"variant differs":  {`{"os":"linux","architecture":"arm","variant":"v7"}`, &v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}, v1.Platform{}, "not for linux/arm/v6"},
		"same by any name": {`{"os":"linux","architecture":"arm64","variant":"v8"}`, &v1.Platform{OS: "linux", Architecture: "arm64"}, v1.Platform{OS: "linux", Architecture: "arm64"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := NewStaging()
			opts := ReadOptions{}
			if tc.given != nil {
				opts.Platforms = map[string]platform.Identity{"a": platform.NewIdentity(*tc.given, extension.Distro{})}
			}
			all, err := take(t, o, opts, imageOf(o, tc.config))
			if tc.says != "" {
				if !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), tc.says) {
					t.Errorf("error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := *all[0].parts[0].image.desc.Platform; !reflect.DeepEqual(got, tc.want) {
				t.Errorf("platform is %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestTakeRefusesWhatIsNoImage(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	artifact := put(o, v1.MediaTypeImageManifest, `{"schemaVersion":2,"config":{%s},"layers":[]}`, refer(put(o, "application/vnd.example", "{}")))
	if _, err := take(t, o, ReadOptions{}, artifact); !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), "artifact") {
		t.Errorf("error is %v", err)
	}
	// In an index it is something other than an image, and stays.
	all, err := take(t, o, ReadOptions{}, mustPut(t, o, newIndex(t, putImage(o, "amd64"), artifact)))
	if err != nil {
		t.Fatal(err)
	}
	x, err := Merge(all)
	if err != nil || names(x) != "linux/amd64, other" {
		t.Errorf("index lists %s, error %v", names(x), err)
	}
}

func TestJoinAll(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	amd64, arm64 := putImage(o, "amd64"), putImage(o, "arm64")
	attested := newIndex(t, amd64, putAttestation(o, amd64))
	if err := attested.Annotate(map[string]string{"a": "b"}); err != nil {
		t.Fatal(err)
	}
	root := mustPut(t, o, attested)
	join := func(opts ReadOptions, roots ...v1.Descriptor) (*Index, error) {
		all, err := take(t, o, opts, roots...)
		if err != nil {
			t.Fatal(err)
		}
		return Merge(all)
	}
	x, err := join(ReadOptions{}, root)
	if err != nil || mustPut(t, o, x).Digest != root.Digest {
		t.Errorf("one index alone is not copied as it is: %v", err)
	}
	x, err = join(ReadOptions{}, root, bare(arm64))
	if err != nil || names(x) != "linux/amd64, linux/arm64, about linux/amd64" || x.Annotations()["a"] != "b" {
		t.Errorf("index lists %s, error %v", names(x), err)
	}
	x, err = join(ReadOptions{NoAttestations: true}, root, bare(arm64))
	if err != nil || names(x) != "linux/amd64, linux/arm64" {
		t.Errorf("index lists %s, error %v", names(x), err)
	}
	x, err = join(ReadOptions{Nested: true}, root, bare(arm64))
	if err != nil || len(x.Others()) != 1 || x.Others()[0].desc.Digest != root.Digest {
		t.Errorf("index lists %s, error %v", names(x), err)
	}
	again := imageOf(o, `{"os":"linux","architecture":"amd64"}`)
	if _, err = join(ReadOptions{}, root, again); !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), "linux/amd64 is both in a and in b") {
		t.Errorf("error is %v", err)
	}
}

func TestRelabel(t *testing.T) {
	t.Parallel()
	p := func(s string) *string { return &s }
	for name, tc := range map[string]struct {
		change PlatformChange
		want   v1.Platform
		says   string
	}{
		"nothing":          {PlatformChange{}, v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7", OSVersion: "1"}, ""},
		"variant":          {PlatformChange{Variant: p("v6")}, v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6", OSVersion: "1"}, ""},
		"no os.version":    {PlatformChange{OSVersion: p("")}, v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, ""},
		"features":         {PlatformChange{OSFeatures: []string{"f"}}, v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7", OSVersion: "1", OSFeatures: []string{"f"}}, ""},
		"arch, no variant": {PlatformChange{Architecture: p("aarch64")}, v1.Platform{OS: "linux", Architecture: "arm64", OSVersion: "1"}, ""},
		"taken":            {PlatformChange{Architecture: p("amd64"), OSVersion: p("")}, v1.Platform{}, "twice"},
		"no arch":          {PlatformChange{Architecture: p("")}, v1.Platform{}, "cannot be empty"},
		"misspelt arch":    {PlatformChange{Architecture: p("amd46")}, v1.Platform{}, `unknown arch "amd46" (did you mean "amd64"?)`},
		"misspelt":         {PlatformChange{OS: p("lunix")}, v1.Platform{}, "lunix"},
		"distro":           {PlatformChange{Architecture: p("amd64:ubuntu@1")}, v1.Platform{}, extension.AnnotationDistroName},
	} {
		t.Run(name, func(t *testing.T) {
			o := NewStaging()
			arm := putImage(o, "arm")
			arm.Platform = &v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7", OSVersion: "1"}
			x := newIndex(t, putImage(o, "amd64"), arm)
			_, err := x.AnnotateEntry("linux/arm", tc.change, map[string]string{"a": "b"})
			if tc.says != "" {
				if !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), tc.says) || strings.Contains(diag.Text(err), "os/arch") {
					t.Errorf("error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := x.Images()[1].Descriptor()
			if !reflect.DeepEqual(*got.Platform, tc.want) || got.Annotations["a"] != "b" {
				t.Errorf("entry is %+v, platform %+v", got, got.Platform)
			}
		})
	}
}

func TestRemoveAll(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	amd64 := putImage(o, "amd64")
	x := newIndex(t, amd64, putImage(o, "arm64"), putAttestation(o, amd64))
	if _, err := x.RemoveAll([]string{"linux/amd64", "linux/arm64"}); !diag.IsInvalid(err) {
		t.Errorf("error is %v", err)
	}
	if notes, err := x.RemoveAll([]string{"linux/amd64", amd64.Digest.String()}); err != nil || len(notes) > 0 || names(x) != "linux/arm64" {
		t.Errorf("index lists %s, notes %q, error %v", names(x), notes, err)
	}
	// What is removed already is, unless it cannot have been there.
	for _, gone := range []string{"linux/amd64", amd64.Digest.String(), "windows/amd64:ubuntu@22.04"} {
		notes, err := x.RemoveAll([]string{gone})
		if err != nil || len(notes) != 1 || !strings.HasPrefix(notes[0], gone+" is not in the index") || names(x) != "linux/arm64" {
			t.Errorf("%s: notes %q, error %v", gone, notes, err)
		}
	}
	for _, bad := range []string{"linux/amd46", "linux", "sha256:1"} {
		if _, err := x.RemoveAll([]string{bad}); !diag.IsInvalid(err) {
			t.Errorf("%s: error is %v", bad, err)
		}
	}
}

// TestSelectAnyPlatform: an image for any platform is selected by the name that
// labels have and by the one that inspect and verify print.
func TestSelectAnyPlatform(t *testing.T) {
	t.Parallel()
	s := NewStaging()
	x := newIndex(t, putImage(s, "amd64"), putImage(s, "arm64"))
	if _, err := x.Select("any platform"); !diag.IsInvalid(err) {
		t.Errorf("error is %v", err)
	}
	x.Images()[1].any = true
	for _, name := range []string{"any", "any platform"} {
		if e, err := x.Select(name); err != nil || e != x.Images()[1] {
			t.Errorf("%s: %v, %v", name, e, err)
		}
		if err := checkSelector(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDescribeAgain: a change of platform that was made already is found under
// the new platform.
func TestDescribeAgain(t *testing.T) {
	t.Parallel()
	o := NewStaging()
	x := newIndex(t, putImage(o, "amd64"), putImage(o, "arm"))
	v6 := "v6"
	for range 2 {
		if _, err := x.AnnotateEntry("linux/arm", PlatformChange{Variant: &v6}, map[string]string{"a": "b"}); err != nil {
			t.Fatal(err)
		}
		if got := x.Images()[1].Descriptor(); got.Platform.Variant != "v6" || got.Annotations["a"] != "b" {
			t.Errorf("entry is %+v", got)
		}
	}
	arm64, v8, empty := newIndex(t, putImage(o, "arm64")), "v8", ""
	for variant, want := range map[*string]string{&v8: "v8 is the default variant of arm64, so it is left out", &empty: "", nil: ""} {
		if note, err := arm64.AnnotateEntry("linux/arm64", PlatformChange{Variant: variant}, map[string]string{"a": "b"}); err != nil || note != want {
			t.Errorf("got the note %q, %v, want %q", note, err, want)
		}
	}
	riscv := "riscv64"
	if _, err := x.AnnotateEntry("linux/s390x", PlatformChange{Architecture: &riscv}, nil); !diag.IsInvalid(err) {
		t.Errorf("error is %v", err)
	}
}

func TestParsePlatforms(t *testing.T) {
	t.Parallel()
	sources := []string{"a", "b=c.cnb"}
	got, err := ParsePlatforms([]string{"a=linux/arm64/v8", "b=c.cnb=linux/arm"}, sources)
	want := map[string]platform.Identity{"a": {OS: "linux", Architecture: "arm64"}, "b=c.cnb": {OS: "linux", Architecture: "arm", Variant: "v7"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"a", "=linux/amd64", "a=", "a=linux", "a=linux/amd46", "c=linux/amd64"} {
		if got, err := ParsePlatforms([]string{bad}, sources); !diag.IsInvalid(err) {
			t.Errorf("%q gives %v, %v", bad, got, err)
		}
	}
}

func TestOverlayImports(t *testing.T) {
	t.Parallel()
	from, o := NewStaging(), NewStaging()
	desc := from.Put("application/x", []byte("x"))
	if err := o.Import(t.Context(), from, desc); err != nil || read(t, o, desc) != "x" {
		t.Error(err)
	}
	if err := o.Import(t.Context(), NewStaging(), desc); err != nil {
		t.Errorf("it was there already: %v", err)
	}
	absent := v1.Descriptor{MediaType: "application/x", Digest: digest.FromString("y"), Size: 1}
	if err := o.Import(t.Context(), from, absent); err == nil {
		t.Error("imported what is not there")
	}
}
