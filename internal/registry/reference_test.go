package registry

import (
	"strings"
	"testing"
	"unicode"

	"github.com/extpack/extpack/internal/diag"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

const someDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParseReference(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][4]string{ // text, host, tag, digest
		"curl":                              {"curl:latest", "docker.io", "latest", ""},
		"docker.io/library/curl:1":          {"curl:1", "docker.io", "1", ""},
		"acme/curl:1.0":                     {"acme/curl:1.0", "docker.io", "1.0", ""},
		"ghcr.io/acme/curl":                 {"ghcr.io/acme/curl:latest", "ghcr.io", "latest", ""},
		"localhost:5000/a:b":                {"localhost:5000/a:b", "localhost:5000", "b", ""},
		"[::1]:5000/a":                      {"[::1]:5000/a:latest", "[::1]:5000", "latest", ""},
		"ghcr.io/acme/curl@" + someDigest:   {"ghcr.io/acme/curl@" + someDigest, "ghcr.io", "", someDigest},
		"ghcr.io/acme/curl:1@" + someDigest: {"ghcr.io/acme/curl:1@" + someDigest, "ghcr.io", "1", someDigest},
	} {
		ref, err := ParseReference(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := [4]string{ref.String(), ref.Host(), ref.Tag(), ref.Digest().String()}; got != want {
			t.Errorf("ParseReference(%q) = %q, want %q", in, got, want)
		}
		_, err = ParseTag(in)
		if diag.IsInvalid(err) != (want[3] != "") {
			t.Errorf("ParseTag(%q): %v", in, err)
		}
	}
	for in, hint := range map[string]string{
		"":                     "HOST",
		"acme/Curl":            "HOST",
		"acme/curl:":           "HOST",
		"acme/curl@sha256:123": "HOST",
		"https://ghcr.io/a:1":  "leave out the scheme: ghcr.io/a:1",
		"a/../b":               "HOST",
		"[0]:0/0":              "HOST",
	} {
		_, err := ParseReference(in)
		if !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), hint) {
			t.Errorf("ParseReference(%q): %v, want a hint %q", in, err, hint)
		}
	}
}

func TestPublishedString(t *testing.T) {
	t.Parallel()
	ref, err := ParseTag("docker.io/library/curl:1")
	if err != nil {
		t.Fatal(err)
	}
	p := Published{Reference: ref, Descriptor: v1.Descriptor{Digest: someDigest}}
	if got, want := p.String(), "curl:1@"+someDigest; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{"curl", "localhost:5000/a:b", "[::1]:5000/a", "a@" + someDigest, "https://x/y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		ref, err := ParseReference(in)
		if err != nil {
			if !diag.IsInvalid(err) {
				t.Errorf("error %v is not about the input", err)
			}
			return
		}
		again, err := ParseReference(ref.String())
		if err != nil || again.String() != ref.String() {
			t.Errorf("%q becomes %q, which becomes %q (%v)", in, ref, again, err)
		}
		if err := ref.remote().Validate(); err != nil {
			t.Errorf("oras-go does not take %q: %v", ref, err)
		}
	})
}

func FuzzCleanText(f *testing.F) {
	f.Add("a\x1b[31mb\r\nc\u202e")
	f.Add("\xff\xc2")
	f.Fuzz(func(t *testing.T, in string) {
		out := cleanText(in)
		if strings.ContainsFunc(out, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf) }) {
			t.Errorf("cleanText(%q) = %q", in, out)
		}
		if len(out) > maxErrorText+len("…") {
			t.Errorf("%d bytes are left", len(out))
		}
	})
}
