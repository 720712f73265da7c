package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// packDescriptor, packInfo and packLayer are what pack reads of a descriptor and
// writes into labels (pack, pkg/dist: ExtensionDescriptor, ModuleInfo,
// ModuleLayerInfo), modelled apart from the product.
type packDescriptor struct {
	API     string       `toml:"api"`
	Info    packInfo     `toml:"extension"`
	Targets []packTarget `toml:"targets"`
}

type packInfo struct {
	ID          string   `toml:"id" json:"id,omitempty"`
	Name        string   `toml:"name" json:"name,omitempty"`
	Version     string   `toml:"version" json:"version,omitempty"`
	Description string   `toml:"description" json:"description,omitempty"`
	Homepage    string   `toml:"homepage" json:"homepage,omitempty"`
	Keywords    []string `toml:"keywords" json:"keywords,omitempty"`
	Licenses    []struct {
		Type string `toml:"type"`
		URI  string `toml:"uri"`
	} `toml:"licenses" json:"licenses,omitempty"`
	Stacks []string `toml:"-" json:"stacks"`
}

type packTarget struct {
	OS   string `toml:"os" json:"os"`
	Arch string `toml:"arch" json:"arch"`
}

type packLayer struct {
	API         string       `json:"api"`
	Targets     []packTarget `json:"targets,omitempty"`
	LayerDiffID string       `json:"layerDiffID"`
	Homepage    string       `json:"homepage,omitempty"`
	Name        string       `json:"name,omitempty"`
}

func packLabels(t *testing.T, data []byte, version, diffID string) map[string]string {
	t.Helper()
	var d packDescriptor
	if err := toml.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	d.Info.Version = version
	layer := packLayer{API: d.API, Targets: d.Targets, LayerDiffID: diffID, Homepage: d.Info.Homepage, Name: d.Info.Name}
	labels := map[string]string{}
	for name, v := range map[string]any{
		"io.buildpacks.buildpackage.metadata": d.Info,
		"io.buildpacks.extension.layers":      map[string]map[string]packLayer{d.Info.ID: {version: layer}},
	} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		labels[name] = string(raw)
	}
	return labels
}

// TestCorpus builds every descriptor of the corpus, which are as people published
// them, with both engines: the digests are the same, and the labels are pack's.
func TestCorpus(t *testing.T) {
	t.Parallel()
	corpus := filepath.Join(world.root, "internal", "extension", "testdata", "corpus")
	all, err := filepath.Glob(filepath.Join(corpus, "*", "extension.toml"))
	if err != nil || len(all) < 15 {
		t.Fatalf("the corpus has %d descriptors, %v", len(all), err)
	}
	version := regexp.MustCompile(`(?m)^\s*version = "(\d+\.\d+\.\d+)"$`)
	include := regexp.MustCompile(`(?m)^\s*include-files = \[(.*)\]`)
	for _, file := range all {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// Substitutes for what is not in the corpus.
			files := map[string]string{"extension.toml": string(data), "bin/detect": script, "bin/generate": script, "bin/run": script}
			if m := include.FindSubmatch(data); m != nil {
				for entry := range strings.SplitSeq(string(m[1]), ",") {
					if entry = strings.Trim(strings.TrimSpace(entry), `"`); files[entry] == "" {
						files[entry] = "x\n"
					}
				}
			}
			if name == "pack-read-env" {
				// No lifecycle runs an extension of that API, which is an error that
				// only the descriptor itself can lift.
				r := extpack(t, t.TempDir(), "build", extensionDir(t, files), "--version", "3.1.4", "-o", "x.cnb")
				if r.code != 2 || !strings.Contains(r.stderr, `api "0.2" is not supported by lifecycles that run extensions`) {
					t.Errorf("exit code %d\n%s", r.code, r.stderr)
				}
				files["extension.toml"] += "\n[[metadata.extpack.lint.ignore]]\nrule = \"api-unsupported\"\nreason = \"a fixture of pack\"\n"
			}
			dir := extensionDir(t, files)
			want, args := "3.1.4", []string{"build", dir, "--push"}
			if m := version.FindSubmatch(data[strings.Index(string(data), "[extension]"):]); m != nil && !strings.Contains(string(data[:strings.Index(string(data), string(m[0]))]), "[metadata]") {
				want = string(m[1])
			} else {
				args = append(args, "--version", want)
			}
			refs := map[string]published{}
			for _, engine := range []string{"buildx", "embedded"} {
				ref := tag(t, engine)
				mustExtpack(t, t.TempDir(), append(args, "-t", ref, "--engine", engine)...)
				refs[engine] = fetch(t, ref)
				if r := extpack(t, t.TempDir(), "verify", ref); r.code != 0 {
					t.Errorf("verify of what %s made: exit code %d\n%s", engine, r.code, r.stdout)
				}
			}
			if a, b := refs["buildx"].digest, refs["embedded"].digest; a != b {
				t.Errorf("buildx makes %s, the embedded engine %s", a, b)
			}
			for _, image := range refs["buildx"].images {
				labels := image.config.Config.Labels
				for key, value := range packLabels(t, data, want, image.diffID) {
					if labels[key] != value {
						t.Errorf("label %s is\n%s\npack writes\n%s", key, labels[key], value)
					}
				}
				if len(labels) != 2 {
					t.Errorf("there are other labels than pack's: %v", labels)
				}
			}
		})
	}
}
