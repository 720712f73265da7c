// Package release_test makes a release for a few platforms with the commands of
// docs/releases.md, which compare two of them byte for byte, and installs it.
package release_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/tests/page"
	"github.com/extpack/extpack/tests/sandbox"
)

const version = "v1.2.3-rc.1"

// made is a release for the platform of this machine, and in CI for another
// one. It is of a checkout of the working tree, with the revision of that.
var made, revision string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "extpack-release-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	world, err = sandbox.Start(context.Background(), sandbox.Options{Log: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := 1
	if err := makeRelease(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := world.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// world is the sandbox of all tests.
var world *sandbox.Sandbox

func platforms() []string {
	list := []string{"linux/" + runtime.GOARCH}
	if os.Getenv("EXTPACK_TORTURE") != "" {
		list = append(list, "windows/arm64")
	}
	return list
}

// makeRelease makes a release in a checkout below dir, as docs/releases.md says.
func makeRelease(dir string) error {
	checkout, bin := filepath.Join(dir, "checkout"), filepath.Join(dir, "bin")
	if err := copyTree("../..", checkout); err != nil {
		return err
	}
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	if err := page.Dispatcher(bin, map[string]string{"buildx": world.BuildxPath()}, ""); err != nil {
		return err
	}
	env := append(append(os.Environ(), world.Env()...), "GOWORK=off", "PLATFORMS="+strings.Join(platforms(), ","), "PATH="+bin+":"+os.Getenv("PATH"))
	run := func(script string) (string, error) {
		out, err := page.Shell(checkout, env, script)
		if err != nil {
			return "", fmt.Errorf("%s: %w\n%s", script, err, out)
		}
		return strings.TrimSpace(out), nil
	}
	if _, err := run("git init -q -b main && git add -A && git -c user.name=t -c user.email=t@example.com commit -q -m release"); err != nil {
		return err
	}
	blocks, err := page.WithNeed("../..", "release")
	if err != nil {
		return err
	}
	names := strings.NewReplacer("v1.2.3", version, "registry.example.com/", world.Registry()+"/")
	for _, b := range blocks {
		if _, err := run(names.Replace(b.Text)); err != nil {
			return fmt.Errorf("%s: %w", b, err)
		}
	}
	made = filepath.Join(checkout, "bin", "release")
	revision, err = run("git rev-parse HEAD")
	return err
}

// copyTree copies the files of a working tree that git knows or would add.
func copyTree(from, to string) error {
	list, err := exec.Command("git", "-C", from, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return err
	}
	for _, name := range strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

// sums returns the content of checksums.txt after checking it.
func sums(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(read(t, "checksums.txt")) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, name)))); got != sum {
			t.Errorf("checksums.txt: %s is %s, not %s", name, got, sum)
		}
		all[name] = sum
	}
	return all
}

func TestChecksums(t *testing.T) {
	all := sums(t)
	entries, err := os.ReadDir(made)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() && e.Name() != "checksums.txt" && all[e.Name()] == "" {
			t.Errorf("checksums.txt lacks %s", e.Name())
		}
	}
	if len(all) < 5 {
		t.Errorf("checksums.txt has %d files", len(all))
	}
}

// TestManifests compares what the formula and the Scoop manifest download with
// the files of the release.
func TestManifests(t *testing.T) {
	all := sums(t)
	url := regexp.MustCompile(`url "https://github\.com/extpack/extpack/releases/download/` + regexp.QuoteMeta(version) + `/([^"]+)"\n\s*sha256 "([0-9a-f]{64})"`)
	found := url.FindAllStringSubmatch(read(t, "docker-extpack.rb"), -1)
	if len(found) != 1 {
		t.Errorf("the formula has %d downloads", len(found))
	}
	for _, m := range found {
		if all[m[1]] != m[2] {
			t.Errorf("the formula has %s for %s, whose checksum is %q", m[2], m[1], all[m[1]])
		}
	}
	if len(platforms()) == 1 {
		return
	}
	var scoop struct {
		Version      string
		Architecture map[string]struct{ URL, Hash string }
	}
	if err := json.Unmarshal([]byte(read(t, "docker-extpack.json")), &scoop); err != nil {
		t.Fatal(err)
	}
	arm := scoop.Architecture["arm64"]
	if "v"+scoop.Version != version || all[path.Base(arm.URL)] != arm.Hash || arm.Hash == "" {
		t.Errorf("the Scoop manifest is %+v", scoop)
	}
}

// TestArchives reads the archives and their bills of materials.
func TestArchives(t *testing.T) {
	for _, p := range platforms() {
		name := "docker-extpack-" + version + "-" + strings.ReplaceAll(p, "/", "-")
		files, binary := tarFiles(t, name+".tar.gz"), "docker-extpack"
		if strings.HasPrefix(p, "windows/") {
			files, binary = zipFiles(t, name+".zip"), "docker-extpack.exe"
		}
		for _, want := range []string{binary, "LICENSE", "README.md", "man/docker-extpack-build.1", "completions/docker-extpack.bash", "completions/docker-extpack.zsh", "completions/docker-extpack.fish", "completions/docker-extpack.ps1"} {
			if len(files[want]) == 0 {
				t.Errorf("%s has no %s", name, want)
			}
		}
		info, err := buildinfo.Read(bytes.NewReader(files[binary]))
		if err != nil {
			t.Fatal(err)
		}
		var bill struct {
			Metadata struct {
				Component struct{ Hashes []struct{ Content string } }
			}
			Components []struct{ Name, Version string }
		}
		if err := json.Unmarshal([]byte(read(t, name+".cdx.json")), &bill); err != nil {
			t.Fatal(err)
		}
		if h := bill.Metadata.Component.Hashes; len(h) != 1 || h[0].Content != fmt.Sprintf("%x", sha256.Sum256(files[binary])) {
			t.Errorf("%s: the bill of materials is of another binary: %v", name, h)
		}
		for _, dep := range info.Deps {
			if !slices.ContainsFunc(bill.Components, func(c struct{ Name, Version string }) bool { return c.Name == dep.Path && c.Version == dep.Version }) {
				t.Errorf("%s: the bill of materials lacks %s", name, dep.Path)
			}
		}
	}
}

func tarFiles(t *testing.T, name string) map[string][]byte {
	t.Helper()
	if _, err := os.Stat(filepath.Join(made, name)); err != nil {
		return nil
	}
	zr, err := gzip.NewReader(strings.NewReader(read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
}

func zipFiles(t *testing.T, name string) map[string][]byte {
	t.Helper()
	data := read(t, name)
	zr, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range zr.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(rc); err != nil {
			t.Fatal(err)
		}
		rc.Close()
	}
	return files
}

// TestDebianPackage installs the package below a folder, and runs the plugin
// alone and by docker.
func TestDebianPackage(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil || os.Geteuid() != 0 {
		t.Skip("installing needs dpkg and root")
	}
	root := t.TempDir()
	for _, dir := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg", file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "dpkg", "--root="+root, "--force-script-chrootless", "-i", filepath.Join(made, "docker-extpack-"+version+"-linux-"+runtime.GOARCH+".deb"))
	if status := command(t, "dpkg-query", "--admindir="+filepath.Join(root, "var/lib/dpkg"), "-W", "-f", "${Status} ${Version}", "docker-extpack"); status != "install ok installed 1.2.3~rc.1" {
		t.Errorf("the package is %q", status)
	}
	plugins := filepath.Join(root, "usr/libexec/docker/cli-plugins")
	if out := command(t, filepath.Join(plugins, "docker-extpack"), "version"); !strings.HasPrefix(out, "docker extpack "+version) {
		t.Errorf("the plugin says %q", out)
	}
	if _, err := os.Stat(filepath.Join(root, "usr/share/man/man1/docker-extpack-build.1.gz")); err != nil {
		t.Error(err)
	}
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("docker is not here")
	}
	config := t.TempDir()
	data, err := json.Marshal(map[string]any{"cliPluginsExtraDirs": []string{plugins}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "config.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := command(t, "docker", "--config", config, "extpack", "version"); !strings.HasPrefix(out, "docker extpack "+version) {
		t.Errorf("docker extpack version says %q", out)
	}
}

// TestRPM reads the package where rpm is installed.
func TestRPM(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("rpm is not here")
	}
	file := filepath.Join(made, "docker-extpack-"+version+"-linux-"+runtime.GOARCH+".rpm")
	if out := command(t, "rpm", "-qp", "--nosignature", "--queryformat", "%{NAME} %{VERSION} %{BUILDHOST}\n[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME}\n]", file); !strings.HasPrefix(out, "docker-extpack 1.2.3~rc.1 localhost\n") ||
		!strings.Contains(out, "/usr/libexec/docker/cli-plugins/docker-extpack -rwxr-xr-x root\n") {
		t.Errorf("the package is\n%s", out)
	}
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(made, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil || !info.Mode().IsRegular() {
		return nil // a link, or a file that git knows and that was removed
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, info.Mode()))
}
