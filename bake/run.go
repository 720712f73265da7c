package bake

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/scratch"
)

// RunOptions are flags of the user that are passed to buildx.
type RunOptions struct {
	Builder  string
	Set      []string
	Allow    []string
	NoCache  bool
	Progress string
	// Quiet suppresses buildx's progress unless it fails.
	Quiet bool
	// Stderr receives buildx's progress and messages. A terminal must be passed
	// unwrapped, so that buildx can draw on it.
	Stderr io.Writer
}

func (o RunOptions) run() buildx.Options {
	return buildx.Options{Builder: o.Builder, Quiet: o.Quiet, Stderr: o.Stderr}
}

// Engine builds plans with buildx.
type Engine struct {
	*buildx.Client
	Options RunOptions
	// Attested reports whether Attest will run after Build and build the
	// published images.
	Attested bool
}

// Build runs the plan's bake file. For each target it writes an OCI layout to
// the folder "out/<bake target>" below dir, which must exist and be empty.
// Build returns the cause of ctx if it is done, or a [*buildx.BuildError] if
// the build fails.
func (e *Engine) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	if err := CheckSet(e.Options.Set); err != nil {
		return nil, err
	}
	if err := checkSupport(p, e.Version); err != nil {
		return nil, err
	}
	targets, err := Targets(p)
	if err != nil {
		return nil, err
	}
	targets, split := e.splitByNode(targets)
	var built []plan.Built
	for _, t := range targets {
		out := outputDir(dir, t)
		if err := os.MkdirAll(out, 0o755); err != nil {
			return nil, fmt.Errorf("creating output folder: %w", err)
		}
		built = append(built, plan.Built{Extension: t.Extension, Images: t.Images, Dir: out, Shared: e.sharesLayer(t), Transit: !e.Attested})
	}
	args, err := e.buildArgs(p, targets, dir)
	if err != nil {
		return nil, err
	}
	if split {
		names := []string{"--"}
		for _, t := range targets {
			args = append(args, cacheArgs(t)...)
			names = append(names, t.Name)
		}
		args = append(args, names...)
	}
	return built, e.WithTemp(dir).Run(ctx, args, e.Options.run())
}

// hostsVersion is the first buildx whose bake knows extra-hosts. Older ones
// ignore keys that they do not know.
const hostsVersion = "v0.25.0"

// checkSupport returns an error for an extension with a key that a version of
// buildx does not support.
func checkSupport(p *plan.Plan, version string) error {
	for _, e := range p.Extensions {
		if e.Build != nil && len(e.Build.AddHosts) > 0 && semver.IsValid(version) && !strings.HasPrefix(version, "v0.0.0") && semver.Compare(version, hostsVersion) < 0 {
			return diag.WithHint(fmt.Errorf("%s has extra hosts, which require buildx %s or newer, and this is %s", e.Descriptor.Info, hostsVersion, version), buildx.InstallHint)
		}
	}
	return nil
}

// sharesLayer reports whether all platforms of t produce the same layer, so
// that building one of them suffices. Overrides may make them differ.
func (e *Engine) sharesLayer(t Target) bool { return len(e.Options.Set) == 0 && t.sameFiles() }

func outputDir(dir string, t Target) string { return filepath.Join(dir, "out", t.Name) }

// buildArgs writes the bake file and returns the arguments of buildx.
func (e *Engine) buildArgs(p *plan.Plan, targets []Target, dir string) ([]string, error) {
	how := transit
	if e.Attested {
		how = attested(p)
	}
	file, err := writeFile(p, dir, how)
	if err != nil {
		return nil, err
	}
	args := []string{"bake", "--file", file}
	args = append(args, passthrough(e.Options)...)
	for _, t := range targets {
		allowed, err := e.allowArgs(t)
		if err != nil {
			return nil, err
		}
		args = append(args, allowed...)
		out := outputDir(dir, t)
		args = append(args, "--allow", "fs.write="+out,
			"--set", t.Name+".output="+output(out, e.compression(t)+epochAttribute(t.Extension)))
		if e.sharesLayer(t) {
			args = append(args, "--set", t.Name+".platform="+platform.Format(t.Extension.Images[t.Images[0]].Platform))
		}
	}
	return args, nil
}

// allowArgs returns the flags that grant the entitlements of t and, for a build
// stage, the privileges that the user allows.
func (e *Engine) allowArgs(t Target) ([]string, error) {
	entitlements, err := t.entitlements()
	var args []string
	for _, entitlement := range entitlements {
		args = append(args, "--allow", entitlement)
	}
	for _, allowed := range e.Options.Allow {
		if t.usesStage() && isPrivilege(allowed) {
			args = append(args, "--set", t.Name+buildSuffix+".entitlements="+allowed)
		}
	}
	return args, err
}

// isPrivilege reports whether a grant is for a privilege that a single step may
// request (Dockerfile reference, "RUN --network", "--security", "--device").
func isPrivilege(allowed string) bool {
	kind, _, _ := strings.Cut(allowed, "=")
	return kind == string(grants.NetworkHost) || kind == string(grants.Insecure) || kind == "device"
}

func writeFile(p *plan.Plan, dir string, how spelling) (string, error) {
	how.sockets = true
	text, err := file(p, ".", how, FileOptions{})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, FileName)
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return "", fmt.Errorf("writing bake file: %w", err)
	}
	return name, nil
}

// compression returns the compression of layers. BuildKit compresses each layer
// twice with rewrite-timestamp, single-threaded. Gzip takes a second for a
// program of 20 MB, zstd a tenth of that, and package annotate compresses
// faster than BuildKit, and like the embedded engine. Builds that Attest repeats
// use the final compression, because BuildKit makes the published image.
func (e *Engine) compression(t Target) string {
	if e.Attested {
		return t.Extension.Compression.Attributes()
	}
	return "compression=zstd,compression-level=1"
}

// attested returns the spelling of builds with attestations. A plain bake would
// publish the zstd layers of one.
func attested(p *plan.Plan) spelling {
	if slices.ContainsFunc(p.Extensions, func(e *plan.Extension) bool { return e.Compression.Zstd() }) {
		return transit
	}
	return published
}

// output returns a line of CSV, because the temporary folder may contain commas
// and quotes.
func output(dir, compression string) string {
	return "type=oci,tar=false,rewrite-timestamp=true,oci-mediatypes=true," + compression + ",force-compression=true," + destField(dir)
}

func destField(name string) string { return `"dest=` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func passthrough(opts RunOptions) []string {
	var args []string
	if opts.Builder != "" {
		args = append(args, "--builder", opts.Builder)
	}
	if opts.NoCache {
		args = append(args, "--no-cache")
	}
	if opts.Progress != "" {
		args = append(args, "--progress", opts.Progress)
	}
	for _, s := range opts.Set {
		args = append(args, "--set", s)
	}
	for _, a := range opts.Allow {
		args = append(args, "--allow", a)
	}
	return args
}

// Print writes buildx's evaluation of the plan's bake file to stdout.
func (e *Engine) Print(ctx context.Context, p *plan.Plan, file FileOptions, stdout io.Writer) error {
	temp, err := scratch.New()
	if err != nil {
		return err
	}
	defer temp.Remove()
	dir := temp.Path
	text, err := File(p, ".", file)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, FileName)
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return fmt.Errorf("writing bake file: %w", err)
	}
	cmd := e.WithTemp(dir).Command(ctx, append([]string{"bake", "--file", name, "--print", "--progress", "quiet"}, passthrough(RunOptions{Builder: e.Options.Builder, Set: e.Options.Set})...)...)
	cmd.Stdout, cmd.Stderr = stdout, e.Options.Stderr
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return fmt.Errorf("evaluating the bake file: buildx: %w", err)
	}
	return nil
}
