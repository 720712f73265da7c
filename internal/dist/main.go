// Command dist makes the files of a release: for each platform the binary,
// an archive with man pages and completions, a bill of materials, and packages
// of Linux distributions; then a Homebrew formula, a Scoop manifest, and the
// checksums of all. The same commit results in the same bytes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// platforms are those of a release.
const platforms = "linux/amd64,linux/arm64,linux/arm/v7,linux/riscv64,linux/s390x,linux/ppc64le," +
	"darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

// release is what the flags say.
type release struct {
	root, out, version, revision, tags string
	epoch                              time.Time
	platforms                          []platform
}

// platform is an operating system and architecture in Go's names.
type platform struct{ os, arch, variant string }

// String returns the platform as in the names of files.
func (p platform) String() string { return p.os + "-" + p.arch + p.variant }

// binary returns the name of the plugin.
func (p platform) binary() string {
	if p.os == "windows" {
		return "docker-extpack.exe"
	}
	return "docker-extpack"
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	r := release{}
	flag.StringVar(&r.root, "root", "../..", "the repository")
	flag.StringVar(&r.out, "out", "../../bin/release", "the folder for the files, which is replaced")
	flag.StringVar(&r.version, "version", "", "the version, vX.Y.Z")
	flag.StringVar(&r.revision, "revision", "", "the commit")
	flag.StringVar(&r.tags, "tags", "", "build tags")
	list := flag.String("platforms", platforms, "os/arch[/variant], separated by commas")
	epoch := flag.String("epoch", os.Getenv("SOURCE_DATE_EPOCH"), "the time of all files, in seconds since 1970")
	flag.Parse()
	if err := r.check(*list, *epoch); err != nil {
		return err
	}
	return r.make(ctx)
}

// semver matches the versions that packages can have.
var semver = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`)

func (r *release) check(list, epoch string) (err error) {
	if !semver.MatchString(r.version) {
		return fmt.Errorf("-version %q is not vX.Y.Z or vX.Y.Z-PRERELEASE", r.version)
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("-epoch %q is not a number of seconds", epoch)
	}
	r.epoch = time.Unix(seconds, 0).UTC()
	for _, name := range strings.Split(list, ",") {
		parts := append(strings.Split(name, "/"), "")
		if len(parts) < 3 || len(parts) > 4 {
			return fmt.Errorf("platform %q is not os/arch[/variant]", name)
		}
		r.platforms = append(r.platforms, platform{parts[0], parts[1], parts[2]})
	}
	if r.root, err = filepath.Abs(r.root); err != nil {
		return err
	}
	r.out, err = filepath.Abs(r.out)
	return err
}

func (r *release) make(ctx context.Context) error {
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	docs := filepath.Join(r.out, "docs")
	if err := os.MkdirAll(docs, 0o755); err != nil {
		return err
	}
	if err := r.goCommand(ctx, nil, "run", "./cli-plugin/docgen", "-version", r.version, "-epoch", strconv.FormatInt(r.epoch.Unix(), 10), docs); err != nil {
		return err
	}
	var errs []error
	for _, p := range r.platforms {
		if err := r.makeFor(ctx, p); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p, err))
		}
	}
	errs = append(errs, os.RemoveAll(r.compressedDir()))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	sums, err := checksums(r.out)
	if err != nil {
		return err
	}
	if err := r.formula(sums); err != nil {
		return err
	}
	if err := r.scoop(sums); err != nil {
		return err
	}
	return writeChecksums(r.out)
}

func (r *release) makeFor(ctx context.Context, p platform) error {
	binary := r.binaryPath(p)
	if err := r.compile(ctx, p, binary); err != nil {
		return err
	}
	if err := r.bill(p, binary); err != nil {
		return err
	}
	if err := r.archive(p, binary); err != nil {
		return err
	}
	if p.os == "linux" {
		return r.packages(p, binary)
	}
	return nil
}

// binaryPath returns the path of the binary, by a name that the image of the
// plugin uses.
func (r *release) binaryPath(p platform) string {
	return filepath.Join(r.out, "binaries", "docker-extpack-"+p.String()+strings.TrimPrefix(p.binary(), "docker-extpack"))
}

// compressedDir returns the folder for man pages on their way into packages.
func (r *release) compressedDir() string { return filepath.Join(r.out, "compressed") }

// fileName returns the name of a file of the release for a platform.
func (r *release) fileName(p platform, extension string) string {
	return "docker-extpack-" + r.version + "-" + p.String() + extension
}
