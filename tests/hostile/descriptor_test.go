package hostile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/tests/sandbox"
)

// stage is a Dockerfile that needs nothing from any network.
const stage = "FROM scratch\nCOPY generate /bin/generate\n"

// extension makes an extension with a build table in a separate folder.
func extension(t *testing.T, id, table string, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"Dockerfile": stage, "generate": "#!/bin/sh\n", "extension.toml": descriptor(id, "\n[metadata.extpack.build]\n"+table+"\n")})
	writeFiles(t, dir, more)
	return dir
}

// TestDescriptorThatIsFine: what is harmless is built, so that a refusal of the
// tests here means something.
func TestDescriptorThatIsFine(t *testing.T) {
	s := sandboxed(t)
	dir := extension(t, "hostile/fine", `args = { A = "x" }`, nil)
	if r := runPlugin(t, dir, s.Env(), "build", "-o", t.TempDir()+"/"); r.code != 0 {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
}

// need is a descriptor that asks for something.
type need struct{ name, id, table string }

// needs generates what a descriptor can ask for: kinds of access in every way
// to write each. ADDR is the listener's address.
func needs() []need {
	var all []need
	add := func(name, table string) { all = append(all, need{name, "hostile/need", table}) }
	for i, settings := range [][]string{
		{"type=gha", "url=http://ADDR/", "version=1", "scope=x"},
		{"type=gha", "url_v2=http://ADDR/", "scope=x"},
		{"type=gha"},
		{"type=s3", "bucket=b", "region=r", "endpoint_url=http://ADDR", "use_path_style=true"},
		{"type=s3", "bucket=b", "region=r"},
		{"type=azblob", "account_url=http://ADDR/a", "name=x"},
		{"type=registry", "ref=ADDR/x/cache"},
		{"type=registry", "ref=ADDR/x/cache", "registry.insecure=true"},
		{"type=registry", "ref=ghcr.io/acme/tool:latest"},
		{"type=local", "src=in", "dest=in"},
		{"type=local", "src=../../..", "dest=../../.."},
	} {
		for _, field := range []string{"cache-from", "cache-to"} {
			for how, text := range spellings(settings) {
				add(fmt.Sprintf("%s %d, %s", field, i, how), field+" = ["+quote(text)+"]")
			}
			placed := strings.Replace(strings.Join(settings, ","), settings[0], "type={{.ID}}", 1)
			all = append(all, need{fmt.Sprintf("%s %d, placeholder", field, i), strings.TrimPrefix(settings[0], "type="), field + " = [" + quote(placed) + "]"})
		}
	}
	all = append(all, need{"cache-from, bare", "hostile/need", `cache-from = ["ADDR/x/cache"]`}, need{"cache-to, bare", "hostile/need", `cache-to = ["ADDR/x/cache"]`})
	for i, settings := range [][]string{{"id=x", "env=AWS_SECRET_ACCESS_KEY"}, {"type=env", "id=x", "src=AWS_SECRET_ACCESS_KEY"}, {"id=AWS_SECRET_ACCESS_KEY"}, {"id=x", "src=/etc/hostname"}, {"id=x", "src=Dockerfile"}} {
		for how, text := range spellings(settings) {
			add(fmt.Sprintf("secret %d, %s", i, how), "secrets = ["+quote(text)+"]")
		}
	}
	add("secret, bare", `secrets = ["AWS_SECRET_ACCESS_KEY"]`)
	for _, text := range []string{"default", "git", "git=/etc/hostname", "default=Dockerfile", "x=/run/ssh-agent.sock"} {
		add("ssh "+text, "ssh = ["+quote(text)+"]")
	}
	for _, text := range []string{
		"/etc", "../..", "oci-layout:///etc", "https://ADDR/a.tar", "http://ADDR/a", "http://ADDR/a.git#main", "https://user:pw@ADDR/", "git://ADDR/a", "ssh://git@ADDR/a",
		"git@ADDR:a/b.git", "git@example.com:a/b", "github.com/a/b",
	} {
		for _, name := range []string{"a", "context", "dockerfile", "root"} {
			add("context "+name+" "+text, "contexts = { "+name+" = "+quote(text)+" }")
		}
	}
	add("network", `network = "host"`)
	for _, text := range []string{"registry.test:10.0.0.1", "registry.test=host-gateway", "a=::1"} {
		add("host "+text, "add-hosts = ["+quote(text)+"]")
	}
	return all
}

// spellings are ways to write a setting that mean the same to buildx.
func spellings(fields []string) map[string]string {
	quoted, upper, reversed := slices.Clone(fields), slices.Clone(fields), slices.Clone(fields)
	for i, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		quoted[i] = `"` + f + `"`
		upper[i] = strings.ToUpper(name) + "=" + value
	}
	slices.Reverse(reversed)
	return map[string]string{
		"plain": strings.Join(fields, ","), "quoted": strings.Join(quoted, ","), "upper case": strings.Join(upper, ","), "reversed": strings.Join(reversed, ","),
	}
}

func quote(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }

// granting matches the flag in a hint.
var granting = regexp.MustCompile(`add --allow ('(?:[^']|'\\'')*'|[^\s,]\S*[^\s,]|\S)(?:, or |\n|$)`)

// TestNothingWithoutGrant: each use of something on this machine is refused, with
// its position and a flag. A dry run lists it, with the same flag. The flag grants
// exactly that use.
func TestNothingWithoutGrant(t *testing.T) {
	s := sandboxed(t)
	l := newListener(t)
	env := credentials(t, s, l)
	all := needs()
	n := 0
	for i, need := range all {
		if !full && i%4 != 0 {
			continue
		}
		n++
		t.Run(need.name, func(t *testing.T) {
			t.Parallel()
			dir := extension(t, need.id, strings.ReplaceAll(need.table, "ADDR", l.addr()), map[string]string{"in/index.json": "{}"})
			// With a push, as the one exception asks for, to somewhere else.
			args := []string{"build", dir, "-t", "registry.test/other/x:1", "--push"}
			work := t.TempDir()
			r := runPlugin(t, work, env, args...)
			if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, "extension.toml:8:") || !strings.Contains(r.stderr, "which was not granted") {
				t.Fatalf("exit code %d, stdout %q\n%s", r.code, r.stdout, r.stderr)
			}
			dry := runPlugin(t, work, env, append(args, "--dry-run")...)
			if dry.code != 2 || !strings.Contains(dry.stdout, ": NOT GRANTED\n") || dry.stderr != r.stderr {
				t.Errorf("dry run: exit code %d\n%s%s", dry.code, dry.stdout, dry.stderr)
			}
			match := granting.FindStringSubmatch(r.stderr)
			if match == nil {
				t.Fatalf("no flag in the hint:\n%s", r.stderr)
			}
			flag := strings.ReplaceAll(strings.Trim(match[1], "'"), `'\''`, "'")
			given := runPlugin(t, work, env, append(args, "--dry-run", "--allow", flag)...)
			if given.code != 0 || !strings.Contains(given.stdout, ": granted by --allow "+flag+"\n") {
				t.Errorf("with --allow %s: exit code %d\n%s%s", flag, given.code, given.stdout, given.stderr)
			}
			if baked := runPlugin(t, work, env, "bake", dir, "-o", "-"); baked.code != 2 || baked.stdout != "" {
				t.Errorf("bake: exit code %d\n%s", baked.code, baked.stdout)
			}
		})
	}
	t.Cleanup(func() {
		if requests, found := l.received(); requests != 0 {
			t.Errorf("%d requests arrived, with %q", requests, found)
		}
		t.Logf("%d of %d needs", n, len(all))
	})
}

// reaches are caches through which credentials would leave, and what arrives when
// the user grants it, or "" for a request.
var reaches = []struct{ name, id, text, canary string }{
	{"placeholder gha", "gha", "type={{.ID}},url=http://ADDR/,version=1,scope=x", "ACTIONS_RUNTIME_TOKEN"},
	{"s3", "hostile/s3", "type=s3,bucket=b,region=r,endpoint_url=http://ADDR,use_path_style=true", "AWS_SESSION_TOKEN"},
	{"registry", "hostile/registry", "type=registry,ref=ADDR/x/cache", "the registry's password"},
	// buildx passes no credentials of Azure on: the builder has its own, and signs.
	{"azblob", "hostile/azblob", "type=azblob,account_url=http://ADDR/a,account_name=a,secret_access_key=Y2FuYXJ5LWF6dXJl,name=x", ""},
}

// TestCredentialsOfCaches: with nothing but "-o" no credential leaves. With the
// grant it does, which shows that this test would see it.
func TestCredentialsOfCaches(t *testing.T) {
	s := sandboxed(t)
	for _, tt := range reaches {
		t.Run(tt.name, func(t *testing.T) {
			l := newListener(t)
			env := credentials(t, s, l)
			text := strings.ReplaceAll(tt.text, "ADDR", l.addr())
			for _, field := range []string{"cache-from", "cache-to"} {
				dir := extension(t, tt.id, field+" = ["+quote(text)+"]", nil)
				args := []string{"build", dir, "-o", filepath.Join(t.TempDir(), "x.cnb")}
				if r := runPlugin(t, dir, env, args...); r.code != 2 {
					t.Errorf("%s: exit code %d\n%s", field, r.code, r.stderr)
				}
				if n, found := l.received(); n != 0 {
					t.Fatalf("%s: %d requests arrived, with %q", field, n, found)
				}
			}
			dir := extension(t, tt.id, "cache-from = ["+quote(text)+"]", nil)
			r := runPlugin(t, dir, env, "build", "-o", filepath.Join(t.TempDir(), "x.cnb"), "--allow", "cache-from=*")
			if n, found := l.received(); n == 0 || tt.canary != "" && !slices.Contains(found, tt.canary) {
				t.Errorf("with a grant %d requests arrived, with %q: exit code %d\n%s", n, found, r.code, r.stderr)
			}
		})
	}
}

// TestCacheBesideTheTag: the one cache that needs no grant is written and read.
func TestCacheBesideTheTag(t *testing.T) {
	s := sandboxed(t)
	dir := extension(t, "hostile/beside", `cache-to = ["type=registry,ref=`+s.Registry()+`/beside/cache:{{.Slug}},mode=max"]`, nil)
	if r := runPlugin(t, dir, s.Env(), "build", "--push", "-t", s.Registry()+"/beside/x:1"); r.code != 0 {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	for _, args := range [][]string{
		{"build", "-o", filepath.Join(t.TempDir(), "x.cnb"), "-t", s.Registry() + "/beside/x:1"}, // no push
		{"build", "--push", "-t", s.Registry() + "/other/x:1"},
	} {
		if r := runPlugin(t, dir, s.Env(), args...); r.code != 2 {
			t.Errorf("%q: exit code %d\n%s", args, r.code, r.stderr)
		}
	}
}

// TestSecretOfTheEnvironment: a RUN step gets the variable that a descriptor
// names only when it is given.
func TestSecretOfTheEnvironment(t *testing.T) {
	s := sandboxed(t)
	l := newListener(t)
	env := credentials(t, s, l)
	dir := extension(t, "hostile/secret", `secrets = ["id=x,env=AWS_SECRET_ACCESS_KEY", "id=y,env=GITHUB_TOKEN,required=false"]`, map[string]string{
		"Dockerfile": "FROM " + shell(t, s) + " AS make\n" +
			"RUN --mount=type=secret,id=x --mount=type=secret,id=y mkdir -p /out/bin && (echo '#!/bin/sh'; cat /run/secrets/* 2>/dev/null || true) > /out/bin/generate\n" +
			"FROM scratch\nCOPY --from=make /out /\n",
	})
	for _, tt := range []struct {
		flags []string
		code  int
		want  string
	}{
		{nil, 2, ""},
		{[]string{"--allow", "env=AWS_SECRET_ACCESS_KEY"}, 0, "#!/bin/sh\ncanary-aws-secret"},
		{[]string{"--allow", "secret=x"}, 0, "#!/bin/sh\ncanary-aws-secret"},
		{[]string{"--secret", "id=x,src=Dockerfile", "--allow", "secret=y"}, 0, "#!/bin/sh\nFROM "},
	} {
		out := filepath.Join(t.TempDir(), "layout") + string(filepath.Separator)
		r := runPlugin(t, dir, env, append([]string{"build", "--no-cache", "-o", out}, tt.flags...)...)
		if r.code != tt.code {
			t.Errorf("%q: exit code %d\n%s", tt.flags, r.code, r.stderr)
			continue
		}
		if r.code != 0 {
			continue
		}
		if got := string(filesIn(t, out)["bin/generate"]); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%q: the step got %q, want %q", tt.flags, got, tt.want)
		}
	}
}

// TestForeignRepository: an empty .git, or another user's, in a folder above
// does not make the rest of that folder the extension's.
func TestForeignRepository(t *testing.T) {
	s := sandboxed(t)
	for name, git := range map[string]map[string]string{
		"empty":        {".git/x": ""},
		"a stranger's": {".git/HEAD": "ref: refs/heads/main\n", ".git/objects/x": "", ".git/refs/x": ""},
	} {
		t.Run(name, func(t *testing.T) {
			shared := t.TempDir()
			writeFiles(t, shared, git)
			writeFiles(t, shared, map[string]string{"victim/key": "secret", "x/Dockerfile": stage, "x/extension.toml": descriptor("hostile/x", "\n[metadata.extpack.build]\ncontexts = { a = \"../victim\" }\n")})
			if name != "empty" {
				if os.Geteuid() != 0 {
					t.Skip("only root can give a folder to another user")
				}
				if err := os.Chown(filepath.Join(shared, ".git"), 12345, 12345); err != nil {
					t.Fatal(err)
				}
			}
			r := runPlugin(t, shared, s.Env(), "build", "x", "-o", "x.cnb")
			if r.code != 2 || !strings.Contains(r.stderr, "victim, outside its repository ") {
				t.Errorf("exit code %d\n%s", r.code, r.stderr)
			}
		})
	}
}

// TestUsersOwnFile: what extpack.toml in the docker configuration grants needs
// no flag, for the directories it names.
func TestUsersOwnFile(t *testing.T) {
	s := sandboxed(t)
	l := newListener(t)
	env := credentials(t, s, l)
	dir := extension(t, "hostile/own", `secrets = ["id=x,env=GITHUB_TOKEN"]`, nil)
	config := ""
	for _, kv := range env {
		if at, ok := strings.CutPrefix(kv, "DOCKER_CONFIG="); ok {
			config = at
		}
	}
	for text, code := range map[string]int{
		"[[trust]]\ndirectory = " + quote(dir) + "\n":                         0,
		"[[trust]]\ndirectory = " + quote(dir) + "\nallow = [\"secret=x\"]\n": 0,
		"[[trust]]\ndirectory = " + quote(dir) + "\nallow = [\"secret=y\"]\n": 2,
		"[[trust]]\ndirectory = " + quote(t.TempDir()) + "\n":                 2,
		"[[trust]]\ndirectory = " + quote(dir) + "\nallow = [\"scret=x\"]\n":  2,
	} {
		writeFiles(t, config, map[string]string{"extpack.toml": text})
		if r := runPlugin(t, dir, env, "build", "--dry-run"); r.code != code {
			t.Errorf("%s: exit code %d\n%s%s", text, r.code, r.stdout, r.stderr)
		}
	}
}

// shell is the name of an image with a shell, in the sandbox's registry.
func shell(t *testing.T, s *sandbox.Sandbox) string {
	t.Helper()
	name := s.Registry() + "/hostile/shell:1"
	shellOnce.Do(func() { shellErr = pushShell(t, s, name) })
	if shellErr != nil {
		t.Fatal(shellErr)
	}
	return name
}
