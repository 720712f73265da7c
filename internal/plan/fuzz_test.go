package plan

import (
	"maps"
	"strings"
	"testing"

	"github.com/docker/buildx/util/buildflags"
)

// specSeeds are settings that parsers read differently.
var specSeeds = []string{
	"type=registry,ref=r.test/a", "r.test/a", "inline", "type=inline", "TYPE=s3,Bucket=b", `"type=s3","region=a,b"`, `type=s3,"name=""q"""`, "type=local,src=a,dest=b",
	" type=registry,ref=x", "type =registry,ref=x", "type=registry, ref=x", "type=registry,ref= x ", "type=registry,ref=x\n", "type=registry,ref=x\ntype=s3", "type=registry\r\n,ref=x",
	"type=a,type=b,ref=x", "type=registry,ref=x,REF=y", "type=gha,ſcope=x", "\u212aind=x,type=gha", "type=registry,ref=x,,", ",", "", "=", "type==x", `type=0,"=0"`, "type=registry,ref==x", `type="registry",ref=x`,
	"type=registry,ref=x\u2028type=s3", "id=a,src=b", "id=a,env=B", "type=env,id=a,src=B", "type=env,id=a,env=A,src=B", "type=file,id=a,source=b", "ID=a,Src=b,sRC=c", "id=a,src=b,source=c", "id=a", "a", "id=a,required", "id=a\n,env=AWS",
	"default", "default=a", "a=b,c", "=a", "default=", "a=b=c",
}

// FuzzSpecs compares our reading of docker's settings with buildx's own: a
// setting that is accepted here and passed on as written has the same meaning
// in buildx.
func FuzzSpecs(f *testing.F) {
	for _, seed := range specSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, key := range []string{"src", "dest"} {
			s, err := ParseCache(text, key)
			if err != nil {
				continue
			}
			want := map[string]string{}
			for _, field := range strings.Split(strings.Join(append(s.Fields, s.PathKey+"="+s.Path), "\x00"), "\x00") {
				if name, value, _ := strings.Cut(field, "="); name != "" {
					want[name] = value
				}
			}
			for what, written := range map[string]string{"written": s.String(), "given": text} {
				if text == "inline" {
					continue // buildx takes it for an image of that name
				}
				got, err := buildflags.ParseCacheEntry([]string{written})
				if err != nil || len(got) != 1 {
					t.Fatalf("cache %q, %s as %q: buildx says %v, %v", text, what, written, got, err)
				}
				fields := maps.Clone(got[0].Attrs)
				fields["type"] = got[0].Type
				if !maps.Equal(fields, want) {
					t.Errorf("cache %q, %s as %q: buildx reads %v, we read %v", text, what, written, fields, want)
				}
			}
		}
		if s, err := ParseSecret(text); err == nil {
			for _, written := range []string{s.String(), text} {
				got, err := buildflags.ParseSecretSpecs([]string{written})
				if err != nil || len(got) != 1 || got[0].ID != s.Get("id") || got[0].Env != s.Get("env") || got[0].FilePath != s.Path {
					t.Errorf("secret %q, as %q: buildx reads %v, %v, we read %+v", text, written, got, err, s)
				}
			}
		}
	})
}
