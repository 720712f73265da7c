package e2e_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// bakers are the buildx binaries that read generated files: the pinned one and,
// where it was compiled, the oldest supported one.
func bakers() map[string]string {
	all := map[string]string{"pinned": world.BuildxPath()}
	if old := os.Getenv("EXTPACK_OLD_BUILDX"); old != "" {
		all["oldest"] = old
	}
	return all
}

// bakeWith runs one of the bakers, with variables, and returns how it ended.
func bakeWith(t *testing.T, baker, dir string, env []string, args ...string) result {
	t.Helper()
	cmd := in(exec.CommandContext(t.Context(), baker, append([]string{"bake"}, args...)...), dir)
	cmd.Env = append(cmd.Env, env...)
	return runCommand(t, cmd)
}

func mustBake(t *testing.T, baker, dir string, env []string, args ...string) string {
	t.Helper()
	r := bakeWith(t, baker, dir, env, args...)
	if r.code != 0 {
		t.Fatalf("bake %v %v: exit code %d\n%s", env, args, r.code, r.stderr)
	}
	return r.stdout
}

// TestBakeComplete publishes extensions of every static shape with nothing but
// buildx: what it publishes is what docker extpack build publishes, but for what
// BuildKit's frontend adds to configs.
func TestBakeComplete(t *testing.T) {
	t.Parallel()
	shapes := map[string]string{
		"same files": extensionDir(t, map[string]string{
			"extension.toml": descriptor("complete/same", linuxTargets), "bin/detect": script, "bin/generate": script + "# generate\n",
		}),
		"platform folders": extensionDir(t, map[string]string{
			"extension.toml": descriptor("complete/roots", linuxTargets+"\n[metadata.extpack]\nshared = [\"LICENSE\"]\n[metadata.extpack.labels]\n\"org.example.a\" = \"$b \\\"c\\\"\"\n"),
			"LICENSE":        "text\n", "linux/amd64/bin/generate": script, "linux/arm64/bin/generate": script + "# arm64\n",
		}),
		"one platform": extensionDir(t, map[string]string{
			"extension.toml": descriptor("complete/one", "description = \"$x \\\\ \\\"quoted\\\" ${y} %{z}\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm\"\nvariant = \"v7\"\n"), "bin/generate": script,
		}),
		"distros": extensionDir(t, map[string]string{
			"extension.toml": descriptor("complete/distros", "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"22.04\"\n\n"+
				"[[targets]]\nos = \"linux\"\narch = \"arm64\"\n\n[[targets]]\nos = \"windows\"\narch = \"amd64\"\n[[targets.distros]]\nname = \"windows\"\nversion = \"10.0.17763.1\"\n"),
			"bin/generate": script, "linux/arm64/bin/generate": script + "# arm64\n",
		}),
		"any platform": extensionDir(t, map[string]string{"extension.toml": descriptor("complete/any", ""), "bin/generate": script}),
		"static output": extensionDir(t, map[string]string{
			"extension.toml": descriptor("complete/static", linuxTargets), "detect/plan.toml": "[[provides]]\nname = \"x\"\n", "generate/build.Dockerfile": "ARG base_image\nFROM ${base_image}\n",
		}),
		"large": extensionDir(t, map[string]string{
			"extension.toml": descriptor("complete/large", linuxTargets), "bin/generate": script, "data/numbers": numbers(400_000),
		}),
		"zstd": extensionDir(t, map[string]string{
			"extension.toml": descriptor("complete/zstd", linuxTargets+"\n[metadata.extpack.build]\ncompression = \"zstd\"\n"), "bin/generate": script,
		}),
		"allow-list and links": linked(t),
		"hello":                copyTree(t, example("hello"), 0, 0),
	}
	for name, dir := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ref, built := tag(t, "baked"), tag(t, "built")
			file := mustExtpack(t, dir, "bake", "--complete", "-t", ref, "-o", "-")
			if strings.Contains(file, `variable "VERSION"`) {
				t.Error("the version of a complete file can be changed")
			}
			mustExtpack(t, dir, "build", "--push", "-q", "-t", built, "--engine", "embedded")
			writeFile(t, filepath.Join(dir, "docker-bake.hcl"), file)
			var further []string
			if name == "large" {
				further = fromGzip
			}
			for which, baker := range bakers() {
				mustBake(t, baker, dir, nil, "--push")
				if name != "zstd" { // of which verify warns
					checkVerified(t, ref)
				}
				checkDiffers(t, which, ref, built, further...)
			}
			checkPackReads(t, ref, fetch(t, built))
			// As it is read from a pipe in a CI job.
			mustBake(t, world.BuildxPath(), dir, nil, "-f", "docker-bake.hcl", "--print")
			writeFile(t, filepath.Join(dir, changed(dir)), script+"# changed\n")
			if r := extpack(t, dir, "bake", "--check"); r.code != 2 || !strings.Contains(r.stdout, "layerDiffID") {
				t.Errorf("with a changed file, --check exits with %d\n%s%s", r.code, r.stdout, r.stderr)
			}
		})
	}
}

// numbers is a text of n lines, of which no two are the same.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i*i)
	}
	return b.String()
}

// changed is a file of the package that a test changes.
func changed(dir string) string {
	if _, err := os.Stat(filepath.Join(dir, "linux", "amd64")); err == nil {
		return "linux/amd64/bin/generate"
	}
	return "bin/detect"
}

// linked has links and a list of the files to pack.
func linked(t *testing.T) string {
	t.Helper()
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("complete/links", linuxTargets+"\n[metadata]\ninclude-files = [\"bin\", \"lib\"]\n"),
		"bin/run":        script, "lib/a": "a\n", "secret": "no\n",
	})
	for link, target := range map[string]string{"bin/detect": "run", "bin/generate": "run", "lib/b": "a"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// checkVerified checks that verify finds nothing.
func checkVerified(t *testing.T, ref string) {
	t.Helper()
	if r := extpack(t, t.TempDir(), "verify", ref); r.code != 0 || strings.Contains(r.stdout+r.stderr, "warning") {
		t.Errorf("verify exits with %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestBakeCompleteOfBuild learns the layers of build stages from a build, also
// where the images of a package come from different sources.
func TestBakeCompleteOfBuild(t *testing.T) {
	t.Parallel()
	const build = "\n[metadata.extpack.build]\nstage = \"out\"\n"
	for name, files := range map[string]map[string]string{
		"one stage": {
			"extension.toml": descriptor("complete/stage", linuxTargets+"[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n"+build+"pull = true\nno-cache-filter = [\"out\"]\nshm-size = \"64m\"\nulimits = [\"nofile=1024:2048\"]\n"),
			"Dockerfile":     "FROM scratch AS out\nARG TARGETARCH\nARG TARGETOSVERSION\nCOPY detect-${TARGETARCH} /bin/generate\nCOPY detect-amd64 /for/version-${TARGETOSVERSION}\n",
			"detect-amd64":   script, "detect-arm64": script + "# arm64\n",
		},
		// A folder, two images of a stage, one of another stage, and one of
		// another Dockerfile.
		"mixed sources": {
			"extension.toml": descriptor("complete/mixed", target("s390x")+linuxTargets+target("riscv64")+target("ppc64le")+"\n[metadata.extpack]\nshared = [\"LICENSE\"]\n"+build+"target = { \"linux/riscv64\" = \"slim\" }\n"),
			"Dockerfile":     "FROM scratch AS slim\nCOPY detect-slim /bin/generate\nFROM scratch AS out\nARG TARGETARCH\nCOPY detect-${TARGETARCH} /bin/generate\nCOPY detect-slim /lib/only\n",
			"detect-amd64":   script, "detect-arm64": script + "# arm64\n", "detect-slim": script + "# slim\n", "LICENSE": "text\n",
			"Dockerfile.ppc64le":       "FROM scratch AS out\nCOPY detect-slim /bin/detect\nCOPY detect-arm64 /bin/generate\n",
			"linux/s390x/bin/generate": script + "# s390x\n", "linux/s390x/data/a": "a\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := extensionDir(t, files)
			ref, built := tag(t, "baked"), tag(t, "built")
			mustExtpack(t, dir, "bake", "--complete=build", "-t", ref)
			mustExtpack(t, dir, "build", "--push", "-q", "-t", built)
			for which, baker := range bakers() {
				mustBake(t, baker, dir, nil, "--push")
				checkVerified(t, ref)
				checkDiffers(t, which, ref, built)
			}
			checkPackReads(t, ref, fetch(t, built))
			mustExtpack(t, dir, "bake", "--check")
			// One platform alone, of each source.
			for _, image := range fetch(t, built).images {
				one := tag(t, strings.ReplaceAll(image.platform(), "/", "-"))
				mustBake(t, world.BuildxPath(), dir, []string{"PLATFORMS=" + image.platform()}, "--push", "--set", "*.tags="+one)
				if got := fetch(t, one); len(got.images) != 1 || got.images[0].diffID != image.diffID {
					t.Errorf("%s alone has %d images, %s, want %s", image.platform(), len(got.images), got.images[0].diffID, image.diffID)
				}
			}
		})
	}
}

// target is a target of a descriptor.
func target(arch string) string { return "\n[[targets]]\nos = \"linux\"\narch = \"" + arch + "\"\n" }

// TestBakeVariables sets what a generated file lets people set.
func TestBakeVariables(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("samples/vars", linuxTargets), "linux/amd64/bin/detect": script, "linux/arm64/bin/detect": script + "# arm64\n",
	})
	mustExtpack(t, dir, "bake", "-t", tag(t, "{{.Version}}"), "-t", tag(t, "{{.Major}}"))
	for which, baker := range bakers() {
		list := mustBake(t, baker, dir, nil, "--list", "variables")
		for _, want := range []string{"PLATFORMS", "INDEX", "VERSION", "IMAGE", "TAGS", "linux/amd64,linux/arm64", "1.2.3,1", "Platforms to build, separated by commas", "Version of samples/vars"} {
			if !strings.Contains(list, want) {
				t.Errorf("%s: no %q in\n%s", which, want, list)
			}
		}
		// Another version is that of --version.
		mustBake(t, baker, dir, []string{"VERSION=2.3.4"}, "--push")
		mustExtpack(t, dir, "build", "--push", "-q", "--version", "2.3.4", "-t", tag(t, "built"), "--engine", "embedded")
		baked, built := fetch(t, tag(t, "2.3.4")), fetch(t, tag(t, "built"))
		if fetch(t, tag(t, "2")).digest != baked.digest {
			t.Errorf("%s: the major version has another package", which)
		}
		for i := range built.images {
			if baked.images[i].diffID != built.images[i].diffID {
				t.Errorf("%s: version 2.3.4 of %s has the layer %s, want %s", which, built.images[i].platform(), baked.images[i].diffID, built.images[i].diffID)
			}
		}
		if !maps.Equal(baked.index.Annotations, built.index.Annotations) {
			t.Errorf("%s: annotations of version 2.3.4\ngot  %v\nwant %v", which, baked.index.Annotations, built.index.Annotations)
		}
		if which == "pinned" { // the oldest buildx has no such flag
			if got := mustBake(t, baker, dir, nil, "--var", "VERSION=3.4.5", "--print"); !strings.Contains(got, ":3.4.5") || !strings.Contains(got, ":3\"") {
				t.Errorf("--var leaves the tags\n%s", got)
			}
		}
		// One platform is an index, too.
		image := tag(t, "x")
		image = image[:strings.LastIndex(image, ":")] + "/other"
		mustBake(t, baker, dir, []string{"PLATFORMS=linux/arm64", "IMAGE=" + image, "TAGS=a," + tag(t, "complete")}, "--push")
		for _, ref := range []string{image + ":a", tag(t, "complete")} {
			if one := fetch(t, ref); len(one.images) != 1 || one.images[0].platform() != "linux/arm64" || one.index.MediaType != v1.MediaTypeImageIndex {
				t.Errorf("%s: %s has %d images, %s", which, ref, len(one.images), one.index.MediaType)
			}
		}
		mustBake(t, baker, dir, nil, "--push", "--set", "*.platform=linux/amd64", "--set", "*.tags="+tag(t, "set"))
		if one := fetch(t, tag(t, "set")); len(one.images) != 1 || one.index.Annotations["io.buildpacks.extension.id"] != "samples/vars" {
			t.Errorf("%s: --set gives %d images, annotations %v", which, len(one.images), one.index.Annotations)
		}
		// Without an index, it can be loaded by an engine, and have Docker's
		// media types.
		out := filepath.Join(t.TempDir(), "image.tar")
		for _, output := range []string{"type=docker", "type=oci,oci-mediatypes=false"} {
			mustBake(t, baker, dir, []string{"PLATFORMS=linux/amd64", "INDEX=false"}, "--set", "*.output="+output+",dest="+out, "--allow", "fs.write="+filepath.Dir(out))
		}
		for _, hostile := range []struct{ value, message string }{
			{"VERSION=1.2", "Validation failed"},
			{"VERSION=v1.2.3", "Validation failed"},
			{"VERSION=1.2.3\nRUN x", "Validation failed"},
			{`VERSION=${"x"}`, "Validation failed"},
			{"PLATFORMS=linux/riscv64", "PLATFORMS must be some of linux/amd64,linux/arm64, for which there are files."},
			{"IMAGE=a b", "IMAGE must be a repository without a tag."},
			{"TAGS=${PLATFORMS}", "TAGS must be tags or references, separated by commas."},
		} {
			if r := bakeWith(t, baker, dir, []string{hostile.value}, "--print"); r.code == 0 || !strings.Contains(r.stderr, hostile.message) {
				t.Errorf("%s: %q: exit code %d\n%s%s", which, hostile.value, r.code, r.stdout, r.stderr)
			}
		}
		// What is not a variable cannot be set.
		plain := mustBake(t, baker, dir, nil, "--print")
		if set := mustBake(t, baker, dir, []string{"copy=--from=x", "exclude=x", "output=x", "metadata=x"}, "--print"); set != plain {
			t.Errorf("%s: the environment changes constants:\n%s", which, set)
		}
	}
}

// TestBakeMetadataAction merges the files that docker/metadata-action writes.
func TestBakeMetadataAction(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("samples/meta", linuxTargets), "bin/detect": script,
	})
	mustExtpack(t, dir, "bake", "-t", "example.com/unused:1")
	meta := t.TempDir()
	first, second := tag(t, "pr-1"), tag(t, "sha-abc")
	writeFile(t, filepath.Join(meta, "tags.json"), `{"target":{"docker-metadata-action":{"tags":["`+first+`","`+second+`"],"args":{"DOCKER_META_IMAGES":"x","DOCKER_META_VERSION":"pr-1"}}}}`)
	writeFile(t, filepath.Join(meta, "labels.json"), `{"target":{"docker-metadata-action":{"labels":{"org.opencontainers.image.revision":"abc"}}}}`)
	writeFile(t, filepath.Join(meta, "annotations.json"), `{"target":{"docker-metadata-action":{"annotations":["index:org.opencontainers.image.revision=abc","manifest:org.opencontainers.image.revision=abc"]}}}`)
	for which, baker := range bakers() {
		args := []string{"--allow", "fs.read=" + meta, "-f", "docker-bake.hcl"}
		for _, name := range []string{"tags", "labels", "annotations"} {
			args = append(args, "-f", filepath.Join(meta, name+".json"))
		}
		mustBake(t, baker, dir, nil, append(args, "--push")...)
		for _, ref := range []string{first, second} {
			got := fetch(t, ref)
			const revision = "org.opencontainers.image.revision"
			if got.index.Annotations[revision] != "abc" || got.index.Annotations["io.buildpacks.extension.id"] != "samples/meta" || len(got.images) != 2 {
				t.Errorf("%s: %s has %d images, annotations %v", which, ref, len(got.images), got.index.Annotations)
			}
			for _, image := range got.images {
				if image.config.Config.Labels[revision] != "abc" || image.config.Config.Labels["io.buildpacks.buildpackage.metadata"] == "" || image.manifest.Annotations[revision] != "abc" {
					t.Errorf("%s: %s has the labels %v", which, image.platform(), image.config.Config.Labels)
				}
			}
		}
	}
	// With the same files for all platforms, another version needs another stage.
	mustBake(t, world.BuildxPath(), dir, []string{"VERSION=9.8.7", "TAGS=9.8.7", "IMAGE=" + strings.TrimSuffix(tag(t, "x"), ":x")}, "--push")
	mustExtpack(t, dir, "build", "--push", "-q", "--version", "9.8.7", "-t", tag(t, "built"), "--engine", "embedded")
	if got, want := fetch(t, tag(t, "9.8.7")), fetch(t, tag(t, "built")); got.images[0].diffID != want.images[0].diffID {
		t.Errorf("version 9.8.7 has the layer %s, want %s", got.images[0].diffID, want.images[0].diffID)
	}
	// An override file in the same folder applies as always.
	writeFile(t, filepath.Join(dir, "docker-bake.override.hcl"), "target \"samples_meta\" {\n  tags = [\""+tag(t, "override")+"\"]\n}\n")
	mustBake(t, world.BuildxPath(), dir, nil, "--push")
	if got := fetch(t, tag(t, "override")); len(got.images) != 2 {
		t.Errorf("%d images", len(got.images))
	}
}

// TestBakeFromGit uses a committed file as a remote definition.
func TestBakeFromGit(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("samples/remote", linuxTargets), "linux/amd64/bin/generate": script, "linux/arm64/bin/generate": script + "# arm64\n",
	})
	ref := tag(t, "1")
	mustExtpack(t, dir, "bake", "--complete", "-t", ref)
	url := serveRepository(t, dir)
	for which, baker := range bakers() {
		mustBake(t, baker, t.TempDir(), nil, url, "--push")
		checkVerified(t, ref)
		if got := fetch(t, ref); len(got.images) != 2 || slices.Equal(slices.Sorted(maps.Keys(got.images[0].files)), nil) {
			t.Errorf("%s: %d images", which, len(got.images))
		}
	}
	// In a folder, BuildKit 0.33 takes no build argument SOURCE_DATE_EPOCH.
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "folder"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(root, "folder", ".git")), os.Remove(filepath.Join(root, "folder", "docker-bake.hcl"))); err != nil {
		t.Fatal(err)
	}
	ref = tag(t, "folder")
	mustExtpack(t, root, "bake", "--complete", "-t", ref, "folder")
	mustBake(t, world.BuildxPath(), t.TempDir(), nil, serveRepository(t, root), "--push",
		"--set", "*.args.SOURCE_DATE_EPOCH=", "--set", "*.output=type=registry,rewrite-timestamp=true,source-date-epoch=0")
	checkVerified(t, ref)
	if got, want := fetch(t, ref).digest, fetch(t, tag(t, "1")).digest; got != want {
		t.Errorf("in a folder, the package is %s, want %s", got, want)
	}
}

// TestBakeMatrixTargets builds each target of a matrix alone, and loads one.
func TestBakeMatrixTargets(t *testing.T) {
	t.Parallel()
	dir := copyTree(t, example("platform-roots"), 0, 0)
	mustExtpack(t, dir, "bake")
	jobs := parse[[]struct{ Target, Platform, Runner string }](t, []byte(mustExtpack(t, dir, "bake", "--matrix")))
	if len(jobs) != 4 {
		t.Errorf("jobs are %v", jobs)
	}
	for _, job := range jobs {
		out := filepath.Join(t.TempDir(), "image.tar")
		mustBake(t, world.BuildxPath(), dir, nil, job.Target, "--allow", "fs.write="+filepath.Dir(out), "--set", "*.output=type=docker,dest="+out)
		want := "ubuntu-24.04"
		if job.Platform == "linux/arm64" {
			want += "-arm"
		}
		if job.Runner != want {
			t.Errorf("%s runs on %s", job.Platform, job.Runner)
		}
	}
}

// serveRepository commits a folder and serves it over HTTP. It returns the URL.
func serveRepository(t *testing.T, dir string) string {
	t.Helper()
	root := t.TempDir()
	repo := filepath.Join(root, "repo.git")
	git := func(dir string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git(dir, "init", "-q", "-b", "main")
	git(dir, "add", ".")
	git(dir, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "commit", "-q", "-m", "commit")
	git(root, "clone", "-q", "--bare", dir, repo)
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(git(root, "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	})
	t.Cleanup(server.Close)
	return server.URL + "/repo.git#main"
}
