package peers_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
)

// labelsAt returns the labels of the first image of a reference, with the layer's
// diffID left out of them: pack sets other times in a layer.
func labelsAt(t *testing.T, name string) map[string]string {
	t.Helper()
	s, err := source.Open(t.Context(), registry.New(registry.Options{}), name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	images := []v1.Descriptor{s.Root}
	if oci.IsIndex(s.Root.MediaType) {
		if images, _, err = oci.Images(t.Context(), s, s.Root); err != nil {
			t.Fatal(err)
		}
	}
	manifest, _, err := oci.ReadManifest(t.Context(), s, images[0])
	if err != nil {
		t.Fatal(err)
	}
	config, _, err := oci.ReadConfig(t.Context(), s, manifest.Config)
	if err != nil {
		t.Fatal(err)
	}
	diffID := regexp.MustCompile(`"layerDiffID":"sha256:[0-9a-f]{64}"`)
	labels := map[string]string{}
	for key, value := range config.Config.Labels {
		if strings.HasPrefix(key, "io.buildpacks.") {
			labels[key] = diffID.ReplaceAllString(value, `"layerDiffID":""`)
		}
	}
	return labels
}

// TestCorpusLabels packs the descriptors of public repositories with pack too,
// whose labels are the same, byte for byte.
func TestCorpusLabels(t *testing.T) {
	corpus, err := filepath.Abs(filepath.Join("..", "..", "internal", "extension", "testdata", "corpus"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(corpus, "*", "extension.toml"))
	if err != nil || len(all) < 15 {
		t.Fatalf("the corpus has %d descriptors, %v", len(all), err)
	}
	include := regexp.MustCompile(`(?m)^\s*include-files = \[(.*)\]`)
	hasVersion := regexp.MustCompile(`(?m)^\s*\[extension\]\n(?:[^\[]*\n)?\s*version = "\d`)
	for _, file := range all {
		name := filepath.Base(filepath.Dir(file))
		if name == "pack-read-env" {
			continue // of an API that no lifecycle runs extensions with
		}
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ext := filepath.Join(t.TempDir(), "ext")
			files := map[string]string{"extension.toml": string(data), "bin/detect": "#!/bin/sh\n", "bin/generate": "#!/bin/sh\n", "bin/run": "#!/bin/sh\n"}
			if m := include.FindSubmatch(data); m != nil {
				for entry := range strings.SplitSeq(string(m[1]), ",") {
					if entry = strings.Trim(strings.TrimSpace(entry), `"`); files[entry] == "" {
						files[entry] = "x\n"
					}
				}
			}
			writeFiles(t, ext, files)
			ours, dir := tag(t, "ours"), t.TempDir()
			args := []string{"build", ext, "--engine", "embedded", "--push", "-t", ours, "--target", "linux/amd64"}
			if !hasVersion.Match(data) {
				args = append(args, "--version", "3.1.4")
			}
			extpack(t, dir, args...)
			// pack knows no --version, so it gets the descriptor that was packed.
			for path, f := range filesAt(t, ours, platforms[0]) {
				if strings.HasSuffix(path, "/extension.toml") {
					files["extension.toml"] = f.content
				}
			}
			writeFiles(t, ext, files)
			writeFiles(t, dir, map[string]string{"package.toml": "[extension]\nuri = " + quote(ext) + "\n"})
			theirs := tag(t, "pack")
			pack(t, dir, "extension", "package", theirs, "--config", filepath.Join(dir, "package.toml"), "--publish", "--target", "linux/amd64")
			got, want := labelsAt(t, ours), labelsAt(t, theirs)
			if len(want) != 2 || len(got) != len(want) {
				t.Errorf("labels are %v, pack's are %v", got, want)
			}
			for key, value := range want {
				if got[key] != value {
					t.Errorf("label %s is\n%s\npack writes\n%s", key, got[key], value)
				}
			}
		})
	}
}
