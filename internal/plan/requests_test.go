package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/grants"
)

// asked plans an extension WORK/repo/x and returns what its requests are given
// by, and what is missing.
func asked(t *testing.T, work, table string, f files, opts Options) (given, missing []string) {
	t.Helper()
	dir := filepath.Join(work, "repo/x")
	all := files{"extension.toml": "api = \"0.10\"\n[extension]\nid = \"samples/x\"\nversion = \"0.0.1\"\n" + target("linux", "amd64", "") + stageTable + table}
	for k, v := range f {
		all[k] = v
	}
	write(t, dir, all)
	p, _, err := New(t.Context(), []string{dir}, opts)
	if err != nil {
		t.Fatal(err)
	}
	local := func(s string) string { return strings.ReplaceAll(s, work, "WORK") }
	for _, r := range p.Extensions[0].Requests {
		if r.By != "" && r.By != grants.Repository {
			given = append(given, local(string(r.Kind)+"="+r.Value+" by "+r.By))
		}
	}
	for _, d := range diag.Of(p.Missing()) {
		if d.Line == 0 || d.File != filepath.Join(dir, "extension.toml") {
			t.Errorf("%s: has no place in the descriptor", d)
		}
		missing = append(missing, local(strings.TrimPrefix(d.Hint, "if you trust it, add ")))
	}
	return given, missing
}

// newWork makes a folder with a repository, and with what is not for it.
func newWork(t *testing.T) string {
	t.Helper()
	work, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, work, files{
		"repo/.git/HEAD": "ref: refs/heads/main\n", "repo/.git/objects/x": "", "repo/.git/refs/x": "",
		"repo/shared/a": "", "repo/secret": "", "out/secret": "", "repository/a": "",
	})
	return work
}

func allow(t *testing.T, texts ...string) grants.Set {
	t.Helper()
	var set grants.Set
	for _, text := range texts {
		g, err := grants.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		g.By = "flag"
		set.Allowed = append(set.Allowed, g)
	}
	return set
}

// TestRequests: a descriptor gets the files of its repository, and nothing else
// without a flag.
func TestRequests(t *testing.T) {
	t.Setenv("EXTPACK_SET", "1")
	const s3 = "type=s3,bucket=b,region=r,endpoint_url=http://127.0.0.1:1"
	scratch := files{"Dockerfile": "FROM scratch\n"}
	for name, tt := range map[string]struct {
		table          string
		files          files
		opts           Options
		allow          []string
		given, missing string
	}{
		"nothing":                  {table: `stage = "0"`},
		"context":                  {table: `contexts = { a = "../shared" }`},
		"context outside":          {table: `contexts = { a = "../../out" }`, missing: "--allow fs.read=WORK/out, or --build-context a=FOLDER"},
		"context beside":           {table: `contexts = { a = "../../repository" }`, missing: "--allow fs.read=WORK/repository, or"},
		"context of a flag":        {table: `contexts = { a = "https://x" }`, opts: Options{Contexts: map[string]string{"a": "WORK/out"}}, given: "fs.read=WORK/out by --build-context"},
		"context that is allowed":  {table: `contexts = { a = "../../out" }`, allow: []string{"fs.read=WORK/out"}, given: "fs.read=WORK/out by flag"},
		"context above is allowed": {table: `contexts = { a = "../../out" }`, allow: []string{"fs=WORK"}, given: "fs.read=WORK/out by flag"},
		"write is not read":        {table: `contexts = { a = "../../out" }`, allow: []string{"fs.write=WORK/out"}, missing: "--allow fs.read=WORK/out"},
		"context that is a link":   {table: `contexts = { a = "l" }`, files: files{"l": "-> ../../out"}, missing: "--allow fs.read=WORK/out"},
		"layout outside":           {table: `contexts = { a = "oci-layout://../../out:1" }`, missing: "--allow fs.read=WORK/out"},
		"context of the web":       {table: `contexts = { a = "https://x.test/a.tar" }`, missing: "--allow context=https://x.test/a.tar"},
		"context of git":           {table: `contexts = { a = "git@x.test:a/b" }`, missing: "--allow context=git@x.test:a/b"},
		"context of git by name":   {table: `contexts = { a = "github.com/a/b" }`, missing: "--allow context=github.com/a/b"},
		"context that is granted":  {table: `contexts = { a = "ssh://x.test/b" }`, allow: []string{"context=ssh://x.test/b"}, given: "context=ssh://x.test/b by flag"},
		"another is granted":       {table: `contexts = { a = "ssh://x.test/b" }`, allow: []string{"context=ssh://x.test/c"}, missing: "--allow context=ssh://x.test/b"},
		"base image":               {table: `contexts = { a = "docker-image://golang:1" }`},

		"variable":                       {table: `secrets = ["id=x,env=AWS_SECRET_ACCESS_KEY"]`, missing: "--allow env=AWS_SECRET_ACCESS_KEY, or provide it with --secret id=x,src=FILE"},
		"variable that is granted":       {table: `secrets = ["id=x,env=AWS"]`, allow: []string{"env=AWS"}, given: "env=AWS by flag"},
		"secret that is granted":         {table: `secrets = ["id=x,env=AWS"]`, allow: []string{"secret=x"}, given: "env=AWS by flag"},
		"variable in another way":        {table: `secrets = ["type=env,ID=x,source=AWS"]`, missing: "--allow env=AWS,"},
		"variable by the secret's name":  {table: `secrets = ["EXTPACK_SET"]`, missing: "--allow secret=EXTPACK_SET,"},
		"file by the secret's name":      {table: `secrets = ["id=WORK/out/secret"]`, missing: "--allow secret=WORK/out/secret,"},
		"secret of the repository":       {table: `secrets = ["id=x,src=../secret"]`, missing: "--allow secret=x,"},
		"secret of the repository given": {table: `secrets = ["id=x,src=../secret"]`, allow: []string{"secret=x"}, given: "secret=x by flag"},
		"secret outside":                 {table: `secrets = ["id=x,src=../../out/secret"]`, allow: []string{"secret=x"}, missing: "--allow fs.read=WORK/out/secret,"},
		"secret of a flag":               {table: `secrets = ["id=x,env=AWS"]`, opts: Options{Secrets: []Spec{{Fields: []string{"id=x", "env=B"}, Flag: "--secret"}}}, given: "env=B by --secret"},
		"secret that is not required":    {table: `secrets = ["id=x,env=AWS,required=false"]`},

		"agent":              {table: `ssh = ["default"]`, missing: "--allow ssh=default, or --ssh default"},
		"agent of a flag":    {table: `ssh = ["default"]`, opts: Options{SSH: []string{"default"}}, given: "ssh=default by --ssh"},
		"agent granted":      {table: `ssh = ["default"]`, allow: []string{"ssh"}, given: "ssh=default by flag"},
		"another agent":      {table: `ssh = ["default"]`, allow: []string{"ssh=git"}, missing: "--allow ssh=default"},
		"key":                {table: `ssh = ["git=../secret"]`, missing: "--allow ssh=git,"},
		"key outside":        {table: `ssh = ["git=../../out/secret"]`, allow: []string{"ssh"}, missing: "--allow fs.read=WORK/out/secret"},
		"network":            {table: `network = "host"`, missing: "--allow network.host"},
		"network granted":    {table: `network = "host"`, allow: []string{"network.host"}, given: "network.host= by flag"},
		"no network":         {table: `network = "none"`},
		"host":               {table: `add-hosts = ["a.test:10.0.0.1"]`, missing: "--allow add-host=a.test=10.0.0.1"},
		"host granted":       {table: `add-hosts = ["a.test=10.0.0.1"]`, allow: []string{"add-host=a.test:10.0.0.1"}, given: "add-host=a.test=10.0.0.1 by flag"},
		"folder as a cache":  {table: `cache-to = ["type=local,dest=cache"]`, missing: "--allow cache-to=type=local,dest=WORK/repo/x/cache, or"},
		"folder granted":     {table: `cache-to = ["type=local,dest=../../new/cache"]`, allow: []string{"fs.write=WORK/new"}, given: "cache-to=type=local,dest=WORK/new/cache by flag"},
		"in the image":       {table: `cache-to = ["type=inline"]`},
		"cloud":              {table: `cache-from = ["` + s3 + `"]`, missing: "--allow cache-from=" + s3},
		"cloud granted":      {table: `cache-from = ["` + s3 + `"]`, allow: []string{"cache-from=region=r,type=s3,endpoint_url=http://127.0.0.1:1,bucket=b"}, given: "cache-from=" + s3 + " by flag"},
		"other cloud":        {table: `cache-from = ["` + s3 + `"]`, allow: []string{"cache-from=type=s3,bucket=b,region=r"}, missing: "--allow cache-from=" + s3},
		"from is not to":     {table: `cache-to = ["type=azblob,account_url=https://x.test"]`, allow: []string{"cache-from=*"}, missing: "--allow cache-to=type=azblob"},
		"token of GitHub":    {table: `cache-from = ["type=gha"]`, missing: "--allow cache-from=type=gha"},
		"cache of a flag":    {table: `cache-from = ["` + s3 + `"]`, opts: Options{CacheFrom: []string{"r.test/x"}}, given: "cache-from=type=registry,ref=r.test/x by --cache-from"},
		"registry":           {table: `cache-to = ["type=registry,ref=r.test/acme/cache"]`, opts: Options{Tags: []string{"r.test/acme/x:1"}}, missing: "--allow cache-to=type=registry,ref=r.test/acme/cache"},
		"registry of a push": {table: `cache-to = ["type=registry,ref=r.test/acme/cache,mode=max"]`, opts: Options{Tags: []string{"r.test/acme/x:1"}, Push: true}, given: "cache-to=type=registry,ref=r.test/acme/cache,mode=max by --push"},
	} {
		t.Run(name, func(t *testing.T) {
			work := newWork(t)
			at := func(s string) string { return strings.ReplaceAll(s, "WORK", work) }
			for name, value := range tt.opts.Contexts {
				tt.opts.Contexts[name] = at(value)
			}
			var allowed []string
			for _, a := range tt.allow {
				allowed = append(allowed, at(a))
			}
			tt.opts.Grants = allow(t, allowed...)
			f := files{}
			for _, m := range []files{scratch, tt.files} {
				for k, v := range m {
					f[k] = v
				}
			}
			given, missing := asked(t, work, at(tt.table)+"\n", f, tt.opts)
			if got := strings.Join(given, " "); !strings.HasPrefix(got, tt.given) || tt.given == "" && got != "" {
				t.Errorf("given %q, want %q", got, tt.given)
			}
			if got := strings.Join(missing, " "); !strings.HasPrefix(got, tt.missing) || tt.missing == "" && got != "" {
				t.Errorf("missing %q, want %q", got, tt.missing)
			}
		})
	}
}

// TestPlaceholdersAreExpandedFirst: what is checked is what buildx gets.
func TestPlaceholdersAreExpandedFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, files{
		"extension.toml": "api = \"0.10\"\n[extension]\nid = \"gha\"\nversion = \"0.0.1\"\n[metadata.extpack.build]\n" +
			"cache-from = [\"type={{.ID}},url=http://127.0.0.1:1/,version=1,scope=x\"]\n",
		"bin/generate": "",
	})
	p, _, err := New(t.Context(), []string{dir}, Options{Push: true, Tags: []string{"r.test/gha/x:1"}})
	if err != nil {
		t.Fatal(err)
	}
	d := diag.Of(p.Missing())
	if len(d) != 1 || d[0].Line != 6 || !strings.Contains(d[0].Message, "cache-from type=gha,url=http://127.0.0.1:1/,version=1,scope=x") {
		t.Errorf("missing: %v", d)
	}
}

// TestCachesBesideTags: only a cache that is where the command pushes to, and
// that is reached like it, needs no grant.
func TestCachesBesideTags(t *testing.T) {
	t.Parallel()
	for text, tags := range map[string][]string{
		"type=registry,ref=ghcr.io/acme/cache:x":                {"ghcr.io/acme/x:1"},
		"type=registry,ref=ghcr.io/acme/a/b,mode=max":           {"r.test/x:1", "ghcr.io/acme/x:1"},
		"ghcr.io/acme/cache":                                    {"ghcr.io/acme/x:1"},
		"type=registry,ref=acme/cache":                          {"docker.io/acme/x:1"},
		"type=registry,ref=docker.io/acme/cache":                {"index.docker.io/acme/x:1"},
		"type=registry,ref=localhost:5000/x:cache":              {"localhost:5000/x:1"},
		`"type=registry","ref=ghcr.io/acme/cache",mode=max`:     {"ghcr.io/acme/x:1"},
		"TYPE=registry,Ref=ghcr.io/acme/cache,image-manifest=1": {"ghcr.io/acme/x:1"},
	} {
		if s, err := ParseCache(text, "dest"); err != nil || !besideTags(s, tags) {
			t.Errorf("%s needs a grant beside %s (%v)", text, tags, err)
		}
	}
	for text, tag := range map[string]string{
		"type=registry,ref=ghcr.io/acme2/cache":                            "ghcr.io/acme/x:1",
		"type=registry,ref=ghcr.io/acme":                                   "ghcr.io/acme2/x:1",
		"type=registry,ref=ghcr.io:443/acme/cache":                         "ghcr.io/acme/x:1",
		"type=registry,ref=GHCR.IO/acme/cache":                             "ghcr.io/acme/x:1",
		"type=registry,ref=ghcr.io.evil.test/acme/cache":                   "ghcr.io/acme/x:1",
		"type=registry,ref=evil.test/ghcr.io/acme/cache":                   "ghcr.io/acme/x:1",
		"type=registry,ref=ghcr.io/acme/../evil/cache":                     "ghcr.io/acme/x:1",
		"type=registry,ref=ghcr.io/acme/cache,registry.insecure=true":      "ghcr.io/acme/x:1",
		"type=registry,ref=ghcr.io/acme/cache,insecure=true":               "ghcr.io/acme/x:1",
		"type=registry,ref=ghcr.io/acme/cache,ca=/etc/passwd":              "ghcr.io/acme/x:1",
		"type=registry,ref=ghcr.io/acme/cache,endpoint_url=http://x.test/": "ghcr.io/acme/x:1",
		"type=Registry,ref=ghcr.io/acme/cache":                             "ghcr.io/acme/x:1",
		"type=s3,ref=ghcr.io/acme/cache":                                   "ghcr.io/acme/x:1",
		"type=registry,ref=docker.io/library/x":                            "ghcr.io/library/x:1",
	} {
		if s, err := ParseCache(text, "dest"); err == nil && besideTags(s, []string{tag}) {
			t.Errorf("%s needs no grant beside %s", text, tag)
		}
	}
}

// TestOptionalSecretsAreLeftOut: what a stage can do without is not in the plan
// when it was not granted.
func TestOptionalSecretsAreLeftOut(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, stageTable+"secrets = [\"id=a,env=A,required=false\", \"b\"]\n", files{"Dockerfile": "FROM scratch"})
	ids := func(opts Options) string {
		var all []string
		for _, s := range mustPlan(t, dir, opts).Build.Secrets {
			all = append(all, s.String())
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	if got := ids(Options{}); got != "id=b,env=b" {
		t.Errorf("without grants the secrets are %s", got)
	}
	if got := ids(Options{Grants: allow(t, "secret=a")}); got != "id=a,env=A id=b,env=b" {
		t.Errorf("with a grant the secrets are %s", got)
	}
}

// A repository that is another user's does not widen what is inside.
func TestRequestsInForeignRepository(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder to another user")
	}
	work := newWork(t)
	if err := os.Chown(filepath.Join(work, "repo/.git"), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	_, missing := asked(t, work, "contexts = { a = \"../shared\" }\n", files{"Dockerfile": "FROM scratch\n"}, Options{})
	if len(missing) != 1 || !strings.HasPrefix(missing[0], "--allow fs.read=WORK/repo/shared") {
		t.Errorf("missing %q", missing)
	}
}
