package e2e_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// providing is a bin/detect, and copying a bin/generate that writes the files
	// below the folder files.
	providing = "#!/bin/sh\nprintf '[[provides]]\\nname = \"x\"\\n' >\"$CNB_BUILD_PLAN_PATH\"\n"
	copying   = "#!/bin/sh\ncp -r \"$CNB_EXTENSION_DIR/files/.\" \"$CNB_OUTPUT_DIR\"\n"

	fromBase  = "ARG base_image\nFROM ${base_image}\nARG build_id=0\nUSER root\n"
	resetUser = "ARG user_id\nARG group_id\nUSER ${user_id}:${group_id}\n"
)

// agreementCases are extensions by their name; main is the one under test, and
// others run before it.
func agreementCases(otherRun string) map[string]map[string]map[string]string {
	return map[string]map[string]map[string]string{
		"build image": {"main": {
			"files/build.Dockerfile": fromBase + `RUN mkdir -p /opt/tool/bin && echo hi >/opt/tool/bin/tool && chmod 4755 /opt/tool/bin/tool && ln -s tool /opt/tool/bin/link
RUN rm /usr/bin/env && mkdir -m 0700 /opt/private && echo "$HOME" >/opt/private/home
ENV TOOL=/opt/tool
` + resetUser + "RUN id -u >/home/cnb/who && echo \"$HOME\" >/home/cnb/home && pwd >/home/cnb/pwd\nWORKDIR /made\nRUN pwd >/home/cnb/workdir\n",
		}},
		"arguments": {"main": {
			"files/run.Dockerfile": fromBase + `ARG flavor
RUN echo "$flavor" >/opt-flavor && chown 1002:1000 /opt-flavor
ENV FLAVOR=$flavor
LABEL io.buildpacks.rebasable=true flavor="$flavor"
WORKDIR /srv
` + resetUser,
			"files/build.Dockerfile":   fromBase + "ARG flavor=none\nRUN echo $flavor >/opt-flavor\n" + resetUser,
			"files/extend-config.toml": "[[run.args]]\nname = \"flavor\"\nvalue = \"blue and green\"\n[[build.args]]\nname = \"flavor\"\nvalue = \"red\"\n",
		}},
		"context folders": {"main": {
			"files/build.Dockerfile":        fromBase + "COPY data.txt /opt/data/\nCOPY tree /opt/tree\n" + resetUser,
			"files/run.Dockerfile":          fromBase + "COPY --chown=1002:1000 data.txt /opt/data.txt\nRUN cat /opt/data.txt >/opt/copy\n" + resetUser,
			"files/context.build/data.txt":  "for build\n",
			"files/context.build/tree/a/b":  "b\n",
			"files/context.build/tree/bin/": "",
			"files/context.run/data.txt":    "for run\n",
		}},
		"several extensions": {
			"first": {
				"files/build.Dockerfile": fromBase + "RUN echo first >/opt-list\n" + resetUser,
				"files/run.Dockerfile":   fromBase + "RUN echo first >/opt-list\nENV FIRST=1\nLABEL io.buildpacks.rebasable=true\n",
			},
			"main": {
				"files/build.Dockerfile": fromBase + "RUN echo second >>/opt-list && mv /opt-list /opt-moved\n" + resetUser,
				"files/run.Dockerfile":   fromBase + "RUN echo second $FIRST >>/opt-list\n" + "USER 1002:1000\n",
			},
		},
		"switched run image": {
			"first": {"files/run.Dockerfile": "FROM " + otherRun + "\n"},
			"main":  {"files/run.Dockerfile": fromBase + "RUN cp /etc/other /etc/copied\n" + resetUser},
		},
	}
}

// TestAgreementWithTheLifecycle compares what "test" makes of extensions with
// what the lifecycle's detector, restorer and extender make of them.
func TestAgreementWithTheLifecycle(t *testing.T) {
	t.Parallel()
	images := testImages(t)
	for name, extensions := range agreementCases(images.OtherRun) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hand := newByHand(t, images, "0.13")
			parent := t.TempDir()
			var order, dirs []string
			for _, id := range slices.Sorted(maps.Keys(extensions)) { // "first" is before "main"
				dir := filepath.Join(parent, id)
				writeFile(t, filepath.Join(dir, "extension.toml"), descriptor("e2e/"+id, ""))
				writeFile(t, filepath.Join(dir, "bin/detect"), providing)
				writeFile(t, filepath.Join(dir, "bin/generate"), copying)
				for file, text := range extensions[id] {
					if strings.HasSuffix(file, "/") {
						mustMkdir(t, filepath.Join(dir, file))
						continue
					}
					writeFile(t, filepath.Join(dir, file), text)
				}
				dirs = append(dirs, dir)
				if order = append(order, "../"+id); id == "main" {
					order[len(order)-1] = "."
				}
			}
			if out, err := exec.Command("git", "init", "-q", parent).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out) // the extensions have to be of one repository
			}
			hand.extend(t, dirs, "x")

			main := filepath.Join(parent, "main")
			writeFile(t, filepath.Join(main, "tests", "agree.toml"), fmt.Sprintf(
				"[[case]]\nname = \"agree\"\nrequires = [\"x\"]\nplatform-api = \"0.13\"\norder = [\"%s\"]\n", strings.Join(order, `", "`)))
			keep := filepath.Join(t.TempDir(), "kept")
			mustExtpack(t, parent, "test", main, "--builder-image", images.Builder, "--target", "linux/"+runtime.GOARCH, "--keep", keep)
			kept := filepath.Join(keep, "e2e_main", "01-agree", "linux-"+runtime.GOARCH)

			generated := treeOf(t, filepath.Join(kept, "layers/generated"))
			delete(generated, "extpack_recorder") // an extension of "test" itself
			compareRoots(t, "generated", treeOf(t, hand.path("layers/generated")), generated)
			if files, _, ok := keptImage(t, kept, "build"); ok {
				compareRoots(t, "build image", handRoot(t, hand.path("build")), files)
			}
			want, extended := hand.runConfig(t)
			files, config, ok := keptImage(t, kept, "run")
			if ok != extended {
				t.Fatalf("run image extended: %v, by hand %v", ok, extended)
			}
			if ok {
				compareRoots(t, "run image", handRoot(t, hand.path("run")), files)
				compareConfigs(t, want, config)
			}
		})
	}
}

func keptImage(t *testing.T, dir, kind string) (rootFiles, v1.ImageConfig, bool) {
	t.Helper()
	archive := filepath.Join(dir, kind+"-image.tar")
	if _, err := os.Stat(archive); err != nil {
		return nil, v1.ImageConfig{}, false
	}
	files, config := imageRoot(t, archive)
	return files, config, true
}

// treeOf reads the content of the files below a folder.
func treeOf(t *testing.T, dir string) rootFiles {
	t.Helper()
	files := handRoot(t, dir)
	for name, f := range files {
		files[name] = rootFile{kind: f.kind, content: f.content}
	}
	return files
}

func compareRoots(t *testing.T, what string, want, got rootFiles) {
	t.Helper()
	if len(want) == 0 {
		t.Errorf("%s: there are no files", what)
	}
	names := maps.Clone(want)
	maps.Copy(names, got)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		w, inWant := want[name]
		g, inGot := got[name]
		switch {
		case !inWant:
			t.Errorf("%s: %s is not in the root of the lifecycle: %s", what, name, g)
		case !inGot:
			t.Errorf("%s: %s is only in the root of the lifecycle: %s", what, name, w)
		case w != g:
			t.Errorf("%s: %s is %s, and with the lifecycle %s", what, name, g, w)
		}
	}
}

func (f rootFile) String() string {
	content := f.content
	if len(content) > 80 {
		content = fmt.Sprintf("%d bytes", len(content))
	}
	return fmt.Sprintf("%c %o %d:%d %q", f.kind, f.mode, f.uid, f.gid, content)
}

func compareConfigs(t *testing.T, want, got v1.ImageConfig) {
	t.Helper()
	text := func(c v1.ImageConfig) string {
		var b bytes.Buffer
		fmt.Fprintf(&b, "user %s\ndir %s\n", c.User, c.WorkingDir)
		for _, kv := range slices.Sorted(slices.Values(c.Env)) {
			fmt.Fprintf(&b, "env %s\n", kv)
		}
		for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
			fmt.Fprintf(&b, "label %s=%s\n", key, c.Labels[key])
		}
		return b.String()
	}
	if text(want) != text(got) {
		t.Errorf("the config of the run image is\n%s\nand with the lifecycle\n%s", text(got), text(want))
	}
}
