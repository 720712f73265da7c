package e2e_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// foreignPlatform is one whose programs do not run here: no machine of these
// tests is of that kind, and BuildKit has no emulator for it.
const foreignPlatform = "linux/ppc64le"

// foreignProgram returns the head of an executable for foreignPlatform.
func foreignProgram(t *testing.T) string {
	t.Helper()
	var buf bytes.Buffer
	header := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_PPC64), Version: 1, Flags: 2, Ehsize: 64, Phentsize: 56}
	copy(header.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	if err := binary.Write(&buf, binary.LittleEndian, header); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// bothPlatforms pushes an image with a shell for this machine and for
// foreignPlatform, and returns its path in the registry.
func bothPlatforms(t *testing.T) string {
	t.Helper()
	const path = "/base/both:1"
	shell, dir := shellImage(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "sh"), foreignProgram(t))
	writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM --platform=$BUILDPLATFORM "+shell+" AS shell-"+runtime.GOARCH+"\n"+
		"FROM scratch AS shell-ppc64le\nCOPY --chmod=0755 sh /bin/sh\nENV PATH=/bin\nFROM shell-$TARGETARCH\n")
	buildx(t, dir, "build", "--push", "--provenance=false", "--platform", "linux/"+runtime.GOARCH+","+foreignPlatform, "-t", world.Registry()+path, ".")
	return path
}

// countingRegistry is the sandbox registry at another address.
func countingRegistry(t *testing.T) (host string, requests *atomic.Int64) {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: world.Registry()})
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), requests
}

// TestDoctorAgreesWithBuild: for each Dockerfile, doctor reports a missing
// emulator exactly when a build would fail without it, and sends requests to the
// registry exactly when the build pulls from it. IMAGE is an image
// of that registry for both platforms.
func TestDoctorAgreesWithBuild(t *testing.T) {
	t.Parallel()
	const (
		end   = "\nFROM scratch\nCOPY --chmod=0755 generate /bin/generate\n"
		cross = "FROM --platform=$BUILDPLATFORM IMAGE AS b\n"
	)
	path := bothPlatforms(t)
	for name, tt := range map[string]struct {
		file          string
		table         string // more of [metadata.extpack.build]
		fails, pulled bool
	}{
		"only files":                    {file: end},
		"RUN on the target":             {file: "FROM IMAGE AS b\nRUN true" + end + "COPY --from=b /bin/sh /x\n", fails: true, pulled: true},
		"RUN in the last stage":         {file: "FROM IMAGE\nCOPY --chmod=0755 generate /bin/generate\nRUN true\n", fails: true, pulled: true},
		"RUN on the builder":            {file: cross + "RUN echo a > /x" + end + "COPY --from=b /x /x\n", pulled: true},
		"RUN in lower case":             {file: "from IMAGE as B\nrun true" + end + "copy --from=b /bin/sh /x\n", fails: true, pulled: true},
		"RUN in a heredoc of COPY":      {file: end + "COPY <<EOF /x\nRUN true\nFROM IMAGE\nEOF\n"},
		"RUN in a heredoc of the build": {file: cross + "RUN <<EOF\n# FROM IMAGE\necho RUN > /x\nEOF" + end + "COPY --from=b /x /x\n", pulled: true},
		"heredoc for another shell":     {file: "FROM IMAGE AS b\nRUN <<EOF\n#!/bin/sh\necho a > /x\nEOF" + end + "COPY --from=b /x /x\n", fails: true, pulled: true},
		"heredoc with a quoted name":    {file: end + "COPY <<-'EOF' /x\n\tRUN true $x\n\tEOF\n"},
		"two heredocs":                  {file: end + "COPY <<one <<\"two\" /x/\nRUN a\none\nCOPY --from=IMAGE / /\ntwo\n"},
		"RUN in a comment":              {file: "# FROM IMAGE\n# RUN true" + end + "  # RUN true\n"},
		"RUN continued over a comment":  {file: "FROM IMAGE AS b\n\\\n# in between\n\nRUN \\\n  # true\n  true" + end + "COPY --from=b /bin/sh /x\n", fails: true, pulled: true},
		"RUN within a continued line":   {file: end + "LABEL a=1 \\\nRUN=2\n"},
		"COPY --from in a comment":      {file: end + "# COPY --from=IMAGE / /\n"},
		"COPY --from, quoted":           {file: end + "COPY --from=\"IMAGE\" /bin/sh /x\n", pulled: true},
		"COPY --from, continued":        {file: end + "COPY \\\n  --from=IMAGE \\\n  /bin/sh /x\n", pulled: true},
		"COPY --from a number":          {file: cross + "RUN echo a > /x" + end + "COPY --from=0 /x /x\n", pulled: true},
		"COPY --from a later stage":     {file: "FROM scratch AS out\nCOPY --chmod=0755 generate /bin/generate\nCOPY --from=b /x /x\n" + cross + "RUN echo a > /x\n", table: "stage = \"out\"\n", fails: true, pulled: true},
		"COPY --from a local context":   {file: end + "COPY --from=IMAGE generate /x\n", table: "contexts = { \"IMAGE\" = \"more\" }\n"},
		"COPY --from an image context":  {file: end + "COPY --from=tools /bin/sh /x\n", table: "contexts = { tools = \"docker-image://IMAGE\" }\n", pulled: true},
		"an image context not used":     {file: end, table: "contexts = { tools = \"docker-image://IMAGE\" }\n"},
		"a context for a stage":         {file: "FROM IMAGE AS b\nRUN true" + end + "COPY --from=b generate /x\n", table: "contexts = { b = \"more\" }\n"},
		"a stage that is not used":      {file: "FROM IMAGE AS b\nRUN true" + end},
		"the stage of the descriptor":   {file: "FROM scratch AS out\nCOPY --chmod=0755 generate /bin/generate\nFROM out\nRUN true\nCOPY --from=IMAGE / /\n", table: "stage = \"OUT\"\n"},
		"a stage of a stage":            {file: cross + "FROM b AS c\nRUN echo a > /x" + end + "COPY --from=c /x /x\n", pulled: true},
		"platform of a stage's base":    {file: cross + "FROM --platform=$TARGETPLATFORM b AS c\nRUN echo a > /x" + end + "COPY --from=c /x /x\n", pulled: true},
		"ARG in FROM":                   {file: "ARG REGISTRY=IMAGE\nARG P=$BUILDPLATFORM\nFROM --platform=${P} ${REGISTRY} AS b\nRUN echo a > /x" + end + "COPY --from=b /x /x\n", pulled: true},
		"ARG with another value":        {file: "ARG P=$BUILDPLATFORM\nFROM --platform=${P} IMAGE AS b\nRUN echo a > /x" + end + "COPY --from=b /x /x\n", table: "args = { P = \"" + foreignPlatform + "\" }\n", fails: true, pulled: true},
		"ARG that chooses a stage":      {file: "ARG KIND=files\nFROM IMAGE AS program\nRUN true\nFROM scratch AS files\nFROM ${KIND}\nCOPY --chmod=0755 generate /bin/generate\n"},
		"a fixed platform":              {file: "FROM --platform=" + foreignPlatform + " IMAGE AS b\nRUN true" + end + "COPY --from=b /bin/sh /x\n", fails: true, pulled: true},
		"a mount of an image":           {file: "FROM scratch AS e\n" + cross + "RUN --mount=from=IMAGE,target=/m --mount=type=cache,target=/c echo a > /x" + end + "COPY --from=b /x /x\n", pulled: true},
		"a mount of a stage that runs":  {file: "FROM IMAGE AS m\nRUN true\n" + cross + "RUN --mount=from=m,target=/m echo a > /x" + end + "COPY --from=b /x /x\n", fails: true, pulled: true},
		"a trigger":                     {file: "FROM IMAGE AS a\nONBUILD RUN true\nFROM a" + end, pulled: false},
		"a trigger that is run":         {file: "FROM IMAGE AS a\nONBUILD RUN true\nFROM a AS b" + end + "COPY --from=b /bin/sh /x\n", fails: true, pulled: true},
		"the escape directive":          {file: "# escape=`\nFROM scratch AS `\n  out\nLABEL a=`\nRUN=b\nCOPY --chmod=0755 generate /bin/generate\n"},
		"an escape that is too late":    {file: "\n# escape=`\n" + cross + "RUN echo ` > /x; echo \\\n` >> /x" + end + "COPY --from=b /x /x\n", fails: false, pulled: true},
		"a frontend of another syntax":  {file: "# syntax=IMAGE\nhello\n", fails: true, pulled: true},
		"a syntax comment too late":     {file: "# the next is none\n# syntax=IMAGE" + end},
		"a Dockerfile with a mistake":   {file: "FROM IMAGE\nFORM scratch\n", fails: true},
		"Windows line ends":             {file: strings.ReplaceAll(cross+"RUN echo a > /x"+end+"COPY --from=b /x /x\n", "\n", "\r\n"), pulled: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, requests := countingRegistry(t)
			in := func(s string) string { return strings.ReplaceAll(s, "IMAGE", host+path) }
			dir := extensionDir(t, map[string]string{
				"extension.toml": descriptor("acme/compiled", "\n[metadata.extpack.build]\n"+in(tt.table)+"\n[[targets]]\nos = \"linux\"\narch = \"ppc64le\"\n"),
				"Dockerfile":     in(tt.file), "generate": "#!/bin/sh\n", "more/generate": "#!/bin/sh\n",
			})
			d := doctor(t, dir, nil)
			if fails := d.code != 0; fails != tt.fails {
				t.Errorf("doctor reports a failure: %v, want %v: %+v", fails, tt.fails, d.Checks)
			}
			if looked := len(d.find("builder-registry", host)) > 0; looked != tt.pulled && len(d.find("extension", "")) == 0 {
				t.Errorf("doctor looks at the registry: %v, want %v", looked, tt.pulled)
			}
			requests.Store(0)
			r := extpack(t, dir, "build", "-o", filepath.Join(t.TempDir(), "out.cnb"))
			if fails := r.code != 0; fails != tt.fails {
				t.Errorf("the build fails: %v, want %v\n%s", fails, tt.fails, r.stderr)
			}
			if pulled := requests.Load() > 0; pulled != tt.pulled {
				t.Errorf("the build pulls from the registry: %v, want %v", pulled, tt.pulled)
			}
		})
	}
}
