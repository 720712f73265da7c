package buildx

import (
	"fmt"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// BaseImageError is returned if a base image lacks a platform of the build.
type BaseImageError struct {
	*BuildError
	// Image is the reference in the Dockerfile.
	Image string
}

func (e *BaseImageError) Unwrap() error { return e.BuildError }

// noPlatform matches BuildKit's error for such an image.
var noPlatform = lazyregexp.New(`failed to resolve source metadata for (\S+): no match for platform`)

// LacksPlatform reports whether output says that an index has no image for the
// platform of the build.
func LacksPlatform(output string) bool { return noPlatform.Get().MatchString(output) }

// stageCauses are failures of the user's Dockerfile. BuildKit's error has the
// position but not how to fix it with docker extpack. $1 and so on refer to the
// groups of text.
var stageCauses = []struct {
	text        *lazyregexp.Regexp
	cause, hint string
}{
	{
		lazyregexp.New(`failed to solve: target stage "?([^"\s]+)"? could not be found`),
		"the Dockerfile has no stage $1",
		`correct stage = "…" in [metadata.extpack.build]`,
	},
	{
		// The first for several platforms, the second for one.
		lazyregexp.New(`failed to solve: .*(?:invalid nil input definition|unsupported context source target for root)`),
		"the build stage is empty",
		`copy into it what the package should contain, such as COPY --from=compile /out/ /, or name another stage with stage = "…"`,
	},
	{
		lazyregexp.New(`failed to solve: (?:.*: )?secret (\S+): not found`),
		"the build stage requires secret $1, which was not provided",
		`add --secret id=$1,src=FILE or --secret id=$1,env=VARIABLE`,
	},
	{
		lazyregexp.New(`failed to solve: .*(?:unset ssh forward key|no SSH key "?)(?: )?([^"\s:]*)`),
		"the build stage requires an SSH agent, which was not provided",
		`add --ssh $1`,
	},
	{
		lazyregexp.New(`invalid empty ssh agent socket`),
		"no SSH agent can be forwarded, because SSH_AUTH_SOCK is not set",
		`start one and add your key (eval "$$(ssh-agent)"; ssh-add), or forward a key with --ssh default=FILE`,
	},
	{
		lazyregexp.New(`failed to solve: base name \((.*)\) should not be blank`),
		"the Dockerfile names a base image by $1, which is empty",
		`set it with --build-arg, or in args = { … } of [metadata.extpack.build]`,
	},
	{
		lazyregexp.New(`failed to solve: failed to parse stage name "(.*)": invalid reference format`),
		`the image name "$1" in the Dockerfile is not valid`,
		correctName,
	},
	{
		// These precede causes that would mistake the server of the cache for
		// the builder. Quiet output has no headings.
		lazyregexp.New(`> \[[^\]\n]+\] exporting cache to [^\n]*:\n(?s:.*)failed to solve: ([^\n]*)` +
			`|failed to solve: ((?:unknown cache exporter|failed to configure \S+ cache exporter|failed to check file presence in cache|error writing layer blob)[^\n]*)`),
		"the cache cannot be written: $1$2",
		`correct --cache-to, or cache-to in [metadata.extpack.build]; its errors do not fail a build with ignore-error=true`,
	},
	{
		lazyregexp.New(`failed to solve: failed to load LLB: (\S+) is not allowed`),
		"a step of the Dockerfile requires $1, which was not granted",
		`if you trust it, add --allow $1`,
	},
	{
		lazyregexp.New(`granting entitlement (\S+) is not allowed by build daemon configuration`),
		"the builder does not allow $1",
		`create a builder that does: docker buildx create --name extpack --buildkitd-flags "--allow-insecure-entitlement $1"`,
	},
	{
		lazyregexp.New(`exec format error`),
		"a program of another platform was run, which this builder's machine cannot run or emulate",
		`compile on the builder's own platform (FROM --platform=$$BUILDPLATFORM), or run ` + DoctorCommand + `, which says what platform that is and how this builder can get it`,
	},
	{
		// The line is one of the generated Dockerfile (stageLines).
		lazyregexp.New(`(?s)>>> COPY [^\n]* /bi\[n\]/detec\[t\] .*failed to calculate checksum of ref [^\n]*: "(/bin/[a-z]+)": not found`),
		"$1 of the build stage is a link to a file that is not in the stage",
		`copy the file it links to into the stage as well, or copy that file to $1`,
	},
	{
		lazyregexp.New(`failed to solve: .*failed to calculate checksum of ref .*: ("[^"]+"): not found`),
		"the Dockerfile copies $1, which does not exist",
		`correct the path, which is relative to the extension's directory or the context it names; .dockerignore may exclude it`,
	},
	{
		lazyregexp.New(`failed to solve: process "(.*)" did not complete successfully: exit code: ([0-9]+)`),
		"the step $1 of the Dockerfile failed with exit code $2",
		"its output is above; --progress plain shows all of it",
	},
}

const correctName = "correct the name in the Dockerfile, or where it comes from"

// explainStage explains a failure of a build stage. It returns nil for unknown
// failures.
func explainStage(failed *BuildError, output string) error {
	if m := noPlatform.Get().FindStringSubmatch(output); m != nil {
		failed.Cause = fmt.Sprintf("the base image %s has no image for a platform of the build", m[1])
		return &BaseImageError{BuildError: failed, Image: m[1]}
	}
	if cause, hint, ok := ExplainImage(output, correctName); ok {
		failed.Cause = cause
		return diag.WithHint(failed, hint)
	}
	for _, c := range stageCauses {
		if match := c.text.Get().FindStringSubmatchIndex(output); match != nil {
			failed.Cause = string(c.text.Get().ExpandString(nil, c.cause, output, match))
			return diag.WithHint(failed, string(c.text.Get().ExpandString(nil, c.hint, output, match)))
		}
	}
	return nil
}
