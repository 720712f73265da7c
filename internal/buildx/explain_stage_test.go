package buildx

import (
	"errors"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// The texts are what buildx 0.37 and BuildKit 0.33 print.
func TestExplainStage(t *testing.T) {
	const above = "; buildx's own message is above"
	tests := map[string]string{
		`ERROR: target x-build: failed to solve: target stage "out" could not be found`: "the Dockerfile has no stage out" + above +
			"\n  correct stage = \"…\" in [metadata.extpack.build]",
		"ERROR: target x-build: failed to solve: secret foo: not found": "the build stage requires secret foo, which was not provided" + above +
			"\n  add --secret id=foo,src=FILE or --secret id=foo,env=VARIABLE",
		"ERROR: target x: failed to solve: r.example/a:1: failed to resolve source metadata for r.example/a:1: no match for platform in manifest: not found": "the base image r.example/a:1 has no image for a platform of the build" + above,
		"ERROR: target x: failed to solve: r.example/a:1: failed to resolve source metadata for r.example/a:1: r.example/a:1: not found": "image r.example/a:1 not found" + above +
			"\n  correct the name in the Dockerfile, or where it comes from; \"docker buildx imagetools inspect r.example/a:1\" shows whether it exists",
		"failed to resolve source metadata for r.example/a:1: pull access denied": "the builder is not allowed to pull the image r.example/a:1" + above +
			"\n  run \"docker login r.example\", or correct the name in the Dockerfile, or where it comes from",
		`failed to resolve source metadata for r.example:5000/a:1: failed to do request: Head "https://r.example:5000/v2/a/manifests/1": dial tcp: lookup r.example on 127.0.0.53:53: server misbehaving`: "the builder's machine cannot resolve the registry of the image r.example:5000/a:1" + above +
			"\n  check DNS on that machine and the spelling of r.example, or configure a mirror or proxy for the builder",
		`failed to resolve source metadata for r.example:5000/a:1: failed to do request: Head "https://r.example:5000/v2/a/manifests/1": http: server gave HTTP response to HTTPS client`: "the builder does not trust the registry of the image r.example:5000/a:1: Head \"https://r.example:5000/v2/a/manifests/1\": http: server gave HTTP response to HTTPS client" + above +
			"\n  run \"docker extpack builder ensure --registry r.example:5000\" and add --builder extpack, if you trust it",
		`failed to resolve source metadata for docker.io/library/a:1: unexpected status from HEAD request to https://registry-1.docker.io/v2/library/a/manifests/1: 429 Too Many Requests`: "the registry of the image docker.io/library/a:1 limits the rate of requests" + above +
			"\n  wait, or run \"docker login docker.io\": registries limit anonymous pulls more",
		`failed to resolve source metadata for r.example/a:1: failed to do request: Head "https://r.example/v2/a/manifests/1": dial tcp 192.0.2.1:443: i/o timeout`: "the builder cannot reach the registry of the image r.example/a:1: Head \"https://r.example/v2/a/manifests/1\": dial tcp 192.0.2.1:443: i/o timeout" + above +
			"\n  check whether the builder's machine can reach it, or configure a mirror or proxy for the builder",
		`ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2`: "the step /bin/sh -c make of the Dockerfile failed with exit code 2" + above +
			"\n  its output is above; --progress plain shows all of it",
		`ERROR: target x-build: failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: "/gone": not found`: "the Dockerfile copies \"/gone\", which does not exist" + above +
			"\n  correct the path, which is relative to the extension's directory or the context it names; .dockerignore may exclude it",
		"  10 | >>> COPY --chown=0:0 --chmod=0755 --from=root /bi[n]/detec[t] /bi[n]/generat[e] ${DEST}/bin/\n" +
			`ERROR: target x: failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: "/bin/detect": not found`: "/bin/detect of the build stage is a link to a file that is not in the stage" + above +
			"\n  copy the file it links to into the stage as well, or copy that file to /bin/detect",
		"   2 | >>> COPY bin/generate /bin/generate\n" +
			`ERROR: target x-build: failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: "/bin/generate": not found`: "the Dockerfile copies \"/bin/generate\", which does not exist" + above +
			"\n  correct the path, which is relative to the extension's directory or the context it names; .dockerignore may exclude it",
		"ERROR: target x-build: failed to solve: unset ssh forward key git": "the build stage requires an SSH agent, which was not provided" + above +
			"\n  add --ssh git",
		"ERROR: failed to convert agent config {default [] false}: invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set": "no SSH agent can be forwarded, because SSH_AUTH_SOCK is not set" + above +
			"\n  start one and add your key (eval \"$(ssh-agent)\"; ssh-add), or forward a key with --ssh default=FILE",
		"------\n > [x] exporting cache to registry:\n------\nERROR: target x: failed to solve: error writing manifest blob: dial tcp 127.0.0.1:1: connect: connection refused\n": "the cache cannot be written: error writing manifest blob: dial tcp 127.0.0.1:1: connect: connection refused" + above +
			"\n  correct --cache-to, or cache-to in [metadata.extpack.build]; its errors do not fail a build with ignore-error=true",
		`ERROR: target x: failed to solve: unknown cache exporter: "foo"`: `the cache cannot be written: unknown cache exporter: "foo"` + above +
			"\n  correct --cache-to, or cache-to in [metadata.extpack.build]; its errors do not fail a build with ignore-error=true",
		"ERROR: target x-build: failed to solve: failed to load LLB: network.host is not allowed": "a step of the Dockerfile requires network.host, which was not granted" + above +
			"\n  if you trust it, add --allow network.host",
		"ERROR: target x: failed to solve: failed to get frontend inputs: invalid nil input definition to definition op": "the build stage is empty" + above +
			"\n  copy into it what the package should contain, such as COPY --from=compile /out/ /, or name another stage with stage = \"…\"",
		"ERROR: target x-build: failed to solve: base name ($X) should not be blank": "the Dockerfile names a base image by $X, which is empty" + above +
			"\n  set it with --build-arg, or in args = { … } of [metadata.extpack.build]",
		`ERROR: target x-build: failed to solve: failed to parse stage name "a/B": invalid reference format: repository name (a/B) must be lowercase`: `the image name "a/B" in the Dockerfile is not valid` + above +
			"\n  correct the name in the Dockerfile, or where it comes from",
		"ERROR: failed to solve: granting entitlement network.host is not allowed by build daemon configuration": "the builder does not allow network.host" + above +
			"\n  create a builder that does: docker buildx create --name extpack --buildkitd-flags \"--allow-insecure-entitlement network.host\"",
		"exec /bin/sh: exec format error\nERROR: failed to solve: process \"x\" did not complete successfully: exit code: 255": "a program of another platform was run, which this builder's machine cannot run or emulate" + above +
			"\n  compile on the builder's own platform (FROM --platform=$BUILDPLATFORM), or run \"docker extpack builder doctor\", which says what platform that is and how this builder can get it",
	}
	for text, want := range tests {
		err := Explain(errTest, text)
		if diag.Text(err) != "building: "+want {
			t.Errorf("%s: got\n%v\nwant\n%s", text, err, want)
		}
		var failed *BuildError
		if !errors.As(err, &failed) || !errors.Is(err, errTest) {
			t.Errorf("%s: %T does not lead to the cause", text, err)
		}
	}
}
