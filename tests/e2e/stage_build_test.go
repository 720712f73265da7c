package e2e_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// TestCompiled compiles the example for five platforms in one command, and
// compiles again only what depends on a change.
func TestCompiled(t *testing.T) {
	t.Parallel()
	image := goImage(t)
	dir := copyTree(t, example("compiled"), 0, 0)
	// -v lists what is compiled.
	replaceIn(t, filepath.Join(dir, "Dockerfile"), "go build ", "go build -v ")
	build := func(ref string, flags ...string) (published, string) {
		r := extpack(t, dir, append([]string{"build", "--push", "-t", ref, "--build-context", "go=docker-image://" + image, "--progress", "plain"}, flags...)...)
		if r.code != 0 {
			t.Fatalf("exit code %d\n%s", r.code, r.stderr)
		}
		return fetch(t, ref), r.stderr
	}
	p, _ := build(tag(t, "1"))
	machines := map[string]elf.Machine{
		"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64, "linux/arm/v7": elf.EM_ARM, "linux/riscv64": elf.EM_RISCV, "linux/s390x": elf.EM_S390,
	}
	if len(p.images) != len(machines) {
		t.Errorf("got %d images, want %d", len(p.images), len(machines))
	}
	const root = "cnb/extensions/samples_compiled/0.0.1"
	want := map[string]string{
		"cnb": "drwxr-xr-x", "cnb/extensions": "drwxr-xr-x", "cnb/extensions/samples_compiled": "drwxr-xr-x", root: "drwxr-xr-x",
		root + "/bin": "drwxr-xr-x", root + "/bin/detect": "-rwxr-xr-x", root + "/bin/generate": "-rwxr-xr-x", root + "/extension.toml": "-rw-r--r--",
	}
	for _, image := range p.images {
		checkConfig(t, image)
		checkLayer(t, image)
		if got := image.names(); !maps.Equal(got, want) {
			t.Errorf("%s: layer contains %v, want %v", image.platform(), got, want)
		}
		for _, name := range []string{"detect", "generate"} {
			f, err := elf.NewFile(strings.NewReader(image.files[root+"/bin/"+name].content))
			if err != nil {
				t.Fatalf("%s: %s: %v", image.platform(), name, err)
			}
			if f.Machine != machines[image.platform()] {
				t.Errorf("%s: %s is for %v", image.platform(), name, f.Machine)
			}
		}
	}

	writeFile(t, filepath.Join(dir, "README.md"), "changed\n")
	writeFile(t, filepath.Join(dir, "aptfile/aptfile_test.go"), "package aptfile\n")
	again, log := build(tag(t, "2"))
	if again.digest != p.digest {
		t.Errorf("what is not compiled changed the index from %s to %s", p.digest, again.digest)
	}
	if n := strings.Count(log, "go build"); n == 0 || strings.Count(log, "CACHED") < n {
		t.Errorf("not everything was cached:\n%s", log)
	}
	replaceIn(t, filepath.Join(dir, "cmd/detect/main.go"), `"detect:"`, `"detect: failed:"`)
	compiledSteps.Lock()
	changed, log := build(tag(t, "3"))
	compiledSteps.Unlock()
	for i, image := range changed.images {
		if image.diffID == p.images[i].diffID {
			t.Errorf("%s: a changed source file changed nothing", image.platform())
		}
	}
	if got, want := packagesIn(log), map[string]int{exampleModule + "/cmd/detect": len(machines)}; !maps.Equal(got, want) {
		t.Errorf("after a change of detect alone, compiled %v, want %v:\n%s", got, want, log)
	}
}

// compiledSteps is locked by a build whose output is counted: as long as a build
// runs, BuildKit repeats the output of its steps for others that have the same.
var compiledSteps sync.Mutex

// TestCompiledOnFreshMachines: a registry's cache has the steps of the standard
// library, so that only the example's own packages are compiled.
func TestCompiledOnFreshMachines(t *testing.T) {
	t.Parallel()
	image, cache := goImage(t), "type=registry,ref="+tag(t, "cache")
	dir := copyTree(t, example("compiled"), 0, 0)
	replaceIn(t, filepath.Join(dir, "Dockerfile"), "go build ", "go build -v ")
	flags := []string{"build", "--target", "linux/amd64", "--target", "linux/arm64", "--push", "--build-context", "go=docker-image://" + image, "--progress", "plain"}
	compiledSteps.Lock()
	mustExtpack(t, dir, append(flags, "-t", tag(t, "1"), "--cache-to", cache+",mode=max")...)
	compiledSteps.Unlock()

	freshBuilder(t, "fresh")
	replaceIn(t, filepath.Join(dir, "cmd/detect/main.go"), `"detect:"`, `"detect: failed:"`)
	r := extpack(t, dir, append(flags, "-t", tag(t, "2"), "--builder", "fresh", "--cache-from", cache)...)
	want := map[string]int{exampleModule + "/aptfile": 2, exampleModule + "/cmd/detect": 2, exampleModule + "/cmd/generate": 2}
	if got := packagesIn(r.stderr); r.code != 0 || !maps.Equal(got, want) {
		t.Errorf("exit code %d, compiled %v, want %v\n%s", r.code, got, want, r.stderr)
	}
}

// replaceIn changes a file that contains what is replaced.
func replaceIn(t *testing.T, name, old, text string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s does not contain %q", name, old)
	}
	writeFile(t, name, strings.ReplaceAll(string(data), old, text))
}

const exampleModule = "github.com/extpack/extpack/examples/compiled"

// packagesIn counts, by package, how often "go build -v" says in buildx's plain
// progress that it compiles one.
func packagesIn(log string) map[string]int {
	counts := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^#\d+ \d+\.\d+ ([a-z0-9/.-]+)$`).FindAllStringSubmatch(log, -1) {
		counts[m[1]]++
	}
	return counts
}

// stageTOML describes an extension with a stage, shared files and, for s390x,
// a platform folder.
const stageTOML = linuxTargets + "\n[[targets]]\nos = \"linux\"\narch = \"s390x\"\n\n[metadata.extpack]\nshared = [\"LICENSE\"]\n\n" +
	"[metadata.extpack.build]\nstage = \"out\"\nargs = { GREETING = \"${x} \\\"hello\\\"\" }\ncontexts = { base = \"docker-image://BASE\", words = \"words\" }\n"

// stageExtension mixes what an image's files can come from.
func stageExtension(t *testing.T) string {
	t.Helper()
	return extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/stage", strings.Replace(stageTOML, "BASE", shellImage(t), 1)),
		// Everything that may not enter is in the stage.
		"Dockerfile": "FROM --platform=$BUILDPLATFORM base AS make\nARG GREETING\nARG TARGETPLATFORM\nARG BUILDPLATFORM\n" +
			"RUN mkdir -p /out/bin /out/.git && echo \"#!/bin/sh\" > /out/bin/generate && echo \"# $TARGETPLATFORM $GREETING\" >> /out/bin/generate && chmod 0640 /out/bin/generate\n" +
			"RUN touch /out/.git/config /out/docker-bake.hcl /out/old.cnb && echo wrong > /out/extension.toml && ln -s bin/generate /out/link && chown -R 7:7 /out\n" +
			"FROM scratch AS out\nCOPY --from=make /out /\nCOPY --from=words . /words\n",
		"Dockerfile.arm64":         "FROM scratch AS out\nCOPY arm.sh /bin/generate\n",
		"arm.sh":                   script,
		"linux/s390x/bin/generate": script,
		"words/a":                  "a",
		"LICENSE":                  "license",
		"README.md":                "not part of any package",
	})
}

func TestStage(t *testing.T) {
	t.Parallel()
	dir := stageExtension(t)
	ref := tag(t, "1")
	plan := mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--dry-run")
	for _, want := range []string{"build linux/amd64 from stage out of Dockerfile\n", "build linux/arm64 from stage out of Dockerfile.arm64\n", "build linux/s390x from linux/s390x\n"} {
		if !strings.Contains(plan, want) {
			t.Errorf("--dry-run lacks %q:\n%s", want, plan)
		}
	}
	mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref)
	p := fetch(t, ref)
	want := map[string]map[string]string{
		"linux/amd64": {"bin/generate": "-rwxr-xr-x", "LICENSE": "-rw-r--r--", "extension.toml": "-rw-r--r--", "link": "Lrwxrwxrwx", "words/a": "-rw-r--r--"},
		"linux/arm64": {"bin/generate": "-rwxr-xr-x", "LICENSE": "-rw-r--r--", "extension.toml": "-rw-r--r--"},
		"linux/s390x": {"bin/generate": "-rwxr-xr-x", "LICENSE": "-rw-r--r--", "extension.toml": "-rw-r--r--"},
	}
	const root = "cnb/extensions/e2e_stage/1.2.3/"
	if len(p.images) != len(want) {
		t.Errorf("got %d images, want %d", len(p.images), len(want))
	}
	for _, image := range p.images {
		checkConfig(t, image)
		checkLayer(t, image)
		got := map[string]string{}
		for name, mode := range image.names() {
			if rel, ok := strings.CutPrefix(name, root); ok && !strings.HasPrefix(mode, "d") {
				got[rel] = mode
			}
		}
		if !maps.Equal(got, want[image.platform()]) {
			t.Errorf("%s contains %v, want %v", image.platform(), got, want[image.platform()])
		}
		if toml := image.files[root+"extension.toml"].content; !strings.HasPrefix(toml, "api = ") {
			t.Errorf("%s has the stage's descriptor: %q", image.platform(), toml)
		}
	}
	if got, want := p.images[0].files[root+"bin/generate"].content, "#!/bin/sh\n# linux/amd64 ${x} \"hello\"\n"; got != want {
		t.Errorf("bin/generate is %q, want %q", got, want)
	}
	// The arguments of a flag go over those of the descriptor.
	other := tag(t, "2")
	mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", other, "--build-arg", "GREETING=bye", "--target", "linux/amd64")
	if got := fetch(t, other).images[0].files[root+"bin/generate"].content; !strings.HasSuffix(got, " bye\n") {
		t.Errorf("bin/generate is %q", got)
	}
}

// TestStageWithPlainBake builds the generated file without the plugin.
func TestStageWithPlainBake(t *testing.T) {
	t.Parallel()
	dir := stageExtension(t)
	ref := tag(t, "1")
	mustExtpack(t, dir, "build", "--push", "-t", ref)
	mustExtpack(t, dir, "bake")
	got := map[string]string{}
	for _, target := range []string{"e2e_stage", "e2e_stage-linux-arm64", "e2e_stage-linux-s390x", "e2e_stage-linux-amd64"} {
		out := filepath.Join(t.TempDir(), "out")
		mustMkdir(t, out)
		buildx(t, dir, "bake", target, "--allow", "fs.write="+out, "--set", target+".output=type=oci,tar=false,rewrite-timestamp=true,dest="+out)
		maps.Copy(got, diffIDsIn(t, out))
	}
	for _, image := range fetch(t, ref).images {
		if got[image.platform()] != image.diffID {
			t.Errorf("%s: plain bake gives %s, docker extpack build %s", image.platform(), got[image.platform()], image.diffID)
		}
	}
}

// TestStageSecretsAndContexts passes what stages may need: a secret of a
// variable, and a folder outside the extension, which a flag allows.
func TestStageSecretsAndContexts(t *testing.T) {
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/secrets", "[metadata.extpack.build]\nsecrets = [\"id=token,env=E2E_TOKEN\"]\nnetwork = \"none\"\n"+
			"contexts = { base = \"docker-image://"+shellImage(t)+"\", outside = \"in\" }\n"),
		"Dockerfile": "FROM --platform=$BUILDPLATFORM base AS make\n" +
			"RUN --mount=type=secret,id=token,required --mount=from=outside,target=/outside mkdir -p /out/bin && (echo '#!/bin/sh'; cat /run/secrets/token /outside/word; ls /sys/class/net) > /out/bin/generate\n" +
			"FROM scratch\nCOPY --from=make /out /\n",
		"in/word": "inside\n",
	})
	outside := t.TempDir()
	writeFile(t, filepath.Join(outside, "word"), "outside\n")
	ref := tag(t, "1")
	cmd := command(t.Context(), t.TempDir(), "build", dir, "--push", "-t", ref, "--build-context", "outside="+outside, "--allow", "env=E2E_TOKEN")
	cmd.Env = append(cmd.Env, "E2E_TOKEN=hunter2\n")
	if r := runCommand(t, cmd); r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	if got := fetch(t, ref).images[0].files["cnb/extensions/e2e_secrets/1.2.3/bin/generate"].content; got != "#!/bin/sh\nhunter2\noutside\nlo\n" {
		t.Errorf("bin/generate is %q", got)
	}
	if r := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--allow", "secret=token"); r.code != 2 || !strings.Contains(r.stderr, "secret token of e2e/secrets@1.2.3: the variable E2E_TOKEN is not set") {
		t.Errorf("without the variable: exit code %d\n%s", r.code, r.stderr)
	}
}

// TestStageSSH forwards a key that is named relative to the extension, which
// the build is not run from.
func TestStageSSH(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/ssh", "[metadata.extpack.build]\nssh = [\"git=keys/id\"]\n"),
		"Dockerfile": "FROM --platform=$BUILDPLATFORM " + shellImage(t) + " AS make\n" +
			"RUN --mount=type=ssh,id=git,required mkdir -p /out/bin && (echo '#!/bin/sh'; test -S $SSH_AUTH_SOCK && echo '# forwarded') > /out/bin/generate\n" +
			"FROM scratch\nCOPY --from=make /out /\n",
		"keys/id": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--allow", "ssh=git")
	if got := fetch(t, ref).images[0].files["cnb/extensions/e2e_ssh/1.2.3/bin/generate"].content; got != "#!/bin/sh\n# forwarded\n" {
		t.Errorf("bin/generate is %q", got)
	}
}

// TestStageKeys shows the effect of each key about how stages run.
func TestStageKeys(t *testing.T) {
	const made = "FROM base AS make\nRUN mkdir -p /out/bin && (echo '#!/bin/sh'; ulimit -Sn; ulimit -Hn; df -k /dev/shm | tail -n 1; grep extra /etc/hosts) > /out/bin/generate\n"
	const random = "FROM base AS random\nRUN cat /proc/sys/kernel/random/uuid > /uuid\n"
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/keys", linuxTargets+"\n[metadata.extpack.build]\ncontexts = { base = \"docker-image://"+shellImage(t)+"\" }\n"+
			"stage = \"out\"\ntarget = { \"linux/arm64\" = \"other\" }\nno-cache-filter = [\"random\"]\nshm-size = \"5m\"\nulimits = [\"nofile=1111:2222\"]\nextra-hosts = { \"extra.test\" = \"10.1.2.3\" }\n"),
		"Dockerfile": strings.ReplaceAll(made+random, "FROM base", "FROM --platform=$BUILDPLATFORM base") +
			"FROM scratch AS out\nCOPY --from=make /out /\nCOPY --from=random /uuid /\n" +
			"FROM scratch AS other\nCOPY --from=make --chmod=0755 /out/bin/generate /bin/detect\nCOPY --from=make /out /\n",
	})
	build := func(ref string, flags ...string) published {
		mustExtpack(t, dir, append([]string{"build", "--push", "-q", "-t", ref, "--allow", "add-host=extra.test=10.1.2.3"}, flags...)...)
		return fetch(t, ref)
	}
	printed := func(p published, name string) string {
		return p.images[0].files["cnb/extensions/e2e_keys/1.2.3/"+name].content
	}
	first := build(tag(t, "1"))
	for _, want := range []string{"\n1111\n", "\n2222\n", " 5120 ", "10.1.2.3\textra.test"} {
		if text := printed(first, "bin/generate"); !strings.Contains(text, want) {
			t.Errorf("the stage printed %q, want %q", text, want)
		}
	}
	if names := first.images[1].names(); names["cnb/extensions/e2e_keys/1.2.3/bin/detect"] == "" {
		t.Errorf("linux/arm64 has %v, want the files of its stage", names)
	}
	again := build(tag(t, "2"))
	if printed(again, "uuid") == printed(first, "uuid") || printed(again, "bin/generate") != printed(first, "bin/generate") {
		t.Errorf("the stages printed %q, then %q, and %q, then %q: only that of no-cache-filter is built again",
			printed(first, "bin/generate"), printed(again, "bin/generate"), printed(first, "uuid"), printed(again, "uuid"))
	}
	mustExtpack(t, dir, "bake", "-t", tag(t, "baked"), "--allow", "add-host=extra.test=10.1.2.3")
	mustBake(t, world.BuildxPath(), dir, nil, "e2e_keys", "--push")
	if baked := fetch(t, tag(t, "baked")); printed(baked, "uuid") == printed(again, "uuid") || printed(baked, "bin/generate") != printed(first, "bin/generate") {
		t.Errorf("plain bake takes %q from the cache", printed(baked, "uuid"))
	}
	// Flags replace what the descriptor says.
	other := build(tag(t, "3"), "--ulimit", "nofile=333:444", "--shm-size", "6m", "--add-host", "extra.test=10.9.9.9")
	for _, want := range []string{"\n333\n", "\n444\n", " 6144 ", "10.9.9.9\textra.test"} {
		if text := printed(other, "bin/generate"); !strings.Contains(text, want) {
			t.Errorf("with flags, the stage printed %q, want %q", text, want)
		}
	}
}
