package e2e_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// statement is what is read of an in-toto statement.
type statement struct {
	PredicateType string
	Subject       []struct {
		Name   string
		Digest map[string]string
	}
	Predicate json.RawMessage
}

// statementsAt returns the statements about each image of an index by their
// types, and checks that all that names an image names one that is there.
func statementsAt(t *testing.T, ref string) map[string][]string {
	t.Helper()
	raw, _ := get(t, ref, "manifests")
	index := parse[v1.Index](t, raw)
	at := ref[:strings.LastIndex(ref, ":")] + "@"
	names := map[string]string{}
	for _, m := range index.Manifests {
		if m.Annotations["vnd.docker.reference.type"] == "" {
			names[m.Digest.String()] = strings.TrimSuffix(m.Platform.OS+"/"+m.Platform.Architecture+"/"+m.Platform.Variant, "/")
		}
	}
	out := map[string][]string{}
	for _, m := range index.Manifests {
		if m.Annotations["vnd.docker.reference.type"] == "" {
			continue
		}
		about := m.Annotations["vnd.docker.reference.digest"]
		if names[about] == "" {
			t.Errorf("an attestation is about %s, which is not in the index", about)
		}
		rawManifest, _ := get(t, at+m.Digest.String(), "manifests")
		manifest := parse[v1.Manifest](t, rawManifest)
		if int64(len(rawManifest)) != m.Size || manifest.Subject == nil || manifest.Subject.Digest.String() != about {
			t.Errorf("attestation %s: size %d of %d, subject %+v, want %s", m.Digest, len(rawManifest), m.Size, manifest.Subject, about)
		}
		for _, l := range manifest.Layers {
			blob, _ := get(t, at+l.Digest.String(), "blobs")
			s := parse[statement](t, blob)
			for _, subject := range s.Subject {
				if got := "sha256:" + subject.Digest["sha256"]; got != about {
					t.Errorf("%s is about %s, want %s", s.PredicateType, got, about)
				}
			}
			if len(s.Subject) == 0 || int64(len(blob)) != l.Size {
				t.Errorf("%s: subjects %v, size %d of %d", s.PredicateType, s.Subject, len(blob), l.Size)
			}
			out[names[about]] = append(out[names[about]], s.PredicateType)
		}
	}
	return out
}

const provenanceType = "https://slsa.dev/provenance/v1"

// TestProvenance attests what is published, not what it was made from.
func TestProvenance(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{"stage": stageExtension(t), "static": example("hello")} {
		t.Run(name, func(t *testing.T) {
			ref := tag(t, "1")
			mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--provenance=mode=max")
			p := fetch(t, ref)
			statements := statementsAt(t, ref)
			for _, image := range p.images {
				if got := statements[image.platform()]; len(got) != 1 || got[0] != provenanceType {
					t.Errorf("%s is attested by %q", image.platform(), got)
				}
				label := image.config.Config.Labels["io.buildpacks.extension.layers"]
				if !strings.Contains(label, image.diffID) {
					t.Errorf("%s: label %s does not name %s", image.platform(), label, image.diffID)
				}
				// BuildKit's own image, as its provenance says.
				if len(image.config.Config.Env) == 0 {
					t.Errorf("%s was rewritten after it was attested: %s", image.platform(), image.rawConfig)
				}
			}
			shown := buildx(t, t.TempDir(), "imagetools", "inspect", ref, "--format", "{{json .Provenance}}")
			provenance := parse[map[string]struct{ SLSA json.RawMessage }](t, []byte(shown))
			for _, image := range p.images {
				if !strings.Contains(string(provenance[image.platform()].SLSA), "io.buildpacks.extension.layers") {
					t.Errorf("buildx shows no provenance of %s with the final labels:\n%s", image.platform(), shown)
				}
			}
			mustExtpack(t, t.TempDir(), "verify", ref)

			// The same layers as without.
			plain := tag(t, "2")
			mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", plain)
			if got, want := layersAt(t, plain), layersAt(t, ref); got != want {
				t.Errorf("layers are %s, attested %s", got, want)
			}
			if len(statementsAt(t, plain)) != 0 {
				t.Error("attested though nobody asked")
			}
		})
	}
}

// TestProvenanceSurvives joins a platform to an attested index, and annotates it.
func TestProvenanceSurvives(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	build := func(flags ...string) {
		mustExtpack(t, t.TempDir(), append([]string{"build", example("hello"), "--push", "--append", "-t", ref}, flags...)...)
	}
	build("--target", "linux/amd64", "--provenance")
	build("--target", "linux/arm64", "--provenance=mode=min")
	build("--target", "linux/riscv64", "--provenance=false")
	mustExtpack(t, t.TempDir(), "annotate", ref, "--annotation", "com.acme.x=y")
	got := statementsAt(t, ref)
	if len(got) != 2 || len(got["linux/amd64"]) != 1 || len(got["linux/arm64"]) != 1 {
		t.Errorf("attested are %v", got)
	}
	mustExtpack(t, t.TempDir(), "verify", ref)
}

// TestProvenanceRewritten: where an image is for one version of a distro, a
// config is needed that BuildKit does not write.
func TestProvenanceRewritten(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", example("platform-roots"), "--push", "-t", ref, "--provenance")
	for _, image := range fetch(t, ref).images {
		if image.config.OSVersion != image.descriptor.Platform.OSVersion {
			t.Errorf("%s: os.version %q in the config, %q in the index", image.platform(), image.config.OSVersion, image.descriptor.Platform.OSVersion)
		}
	}
	if n := len(statementsAt(t, ref)["linux/amd64"]); n != 2 {
		t.Errorf("%d statements about the images of linux/amd64, want 2", n)
	}
	mustExtpack(t, t.TempDir(), "verify", ref)
}

// TestSBOM has a scanner of our own list the files (BuildKit,
// docs/attestations/sbom-protocol.md).
func TestSBOM(t *testing.T) {
	scanner := world.Registry() + "/base/scanner:1"
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM "+shellImage(t)+"\n"+
		`ENTRYPOINT ["sh", "-c", "echo '{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"predicateType\":\"https://spdx.dev/Document\",\"predicate\":{\"name\":\"'$(cd $BUILDKIT_SCAN_SOURCE && find . -name generate)'\"}}' > $BUILDKIT_SCAN_DESTINATION/scan.spdx.json"]`+"\n")
	buildx(t, dir, "build", "--push", "--provenance=false", "-t", scanner, ".")
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", example("hello"), "--push", "-t", ref, "--sbom=generator="+scanner, "--provenance", "--target", "linux/amd64", "--target", "linux/arm64")
	for platform, types := range statementsAt(t, ref) {
		if len(types) != 2 {
			t.Errorf("%s is attested by %q", platform, types)
		}
	}
	shown := buildx(t, t.TempDir(), "imagetools", "inspect", ref, "--format", "{{json .SBOM}}")
	if n := strings.Count(shown, "cnb/extensions/samples_hello/0.0.1/bin/generate"); n != 2 {
		t.Errorf("buildx shows %d SBOMs:\n%s", n, shown)
	}
	mustExtpack(t, t.TempDir(), "verify", ref)
}

// TestAttestationsWithoutAPlace: what is missing is reported before the build.
func TestAttestationsWithoutAPlace(t *testing.T) {
	for _, tt := range []struct {
		flags []string
		code  int
		want  string
	}{
		{[]string{"--provenance", "--push", "-t", tag(t, "1"), "--single", "--target", "linux/amd64"}, 2, "attestations require an index"},
		// Nothing could be appended to such an index.
		{[]string{"--sbom", "--push", "-t", tag(t, "1"), "--media-types", "docker"}, 2, "attestations are not supported with Docker's media types"},
		{[]string{"--provenance=mode=most", "--push", "-t", tag(t, "1")}, 2, `unknown mode "most"`},
		{[]string{"--provenance", "-o", "x.cnb"}, 0, "warning: attestations are left out of the package file"},
		{[]string{"--provenance", "-o", "x.cnb", "-o", "x/"}, 0, ""},
	} {
		r := extpack(t, t.TempDir(), append([]string{"build", example("hello"), "--dry-run"}, tt.flags...)...)
		if r.code != tt.code || !strings.Contains(r.stderr, tt.want) || tt.want == "" && r.stderr != "" {
			t.Errorf("%q: exit code %d, want %d with %q\n%s", tt.flags, r.code, tt.code, tt.want, r.stderr)
		}
	}
}
