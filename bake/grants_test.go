package bake

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/plan"
)

// granted gives the grants of an extension WORK/repo/x, and what it is refused.
func granted(t *testing.T, work, table string, f files, opts plan.Options, allow ...string) (grants, refused string) {
	t.Helper()
	dir := extensionDir(t, work, "repo/x", "x", targetTOML("linux/amd64")+"[metadata.extpack.build]\n"+table, f)
	list, err := mustTargets(t, mustPlan(t, opts, dir))[0].Grants(allow)
	if err != nil {
		refused = strings.ReplaceAll(err.Error(), work, "WORK")
	}
	return strings.ReplaceAll(strings.Join(list[1:], " "), work, "WORK"), refused
}

// newWork makes a folder with a repository, and with what is not for it.
func newWork(t *testing.T) string {
	t.Helper()
	work, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"repo/.git", "repo/shared", "out", "repository"} {
		if err := os.MkdirAll(filepath.Join(work, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"out/secret", "repo/secret", "out/Dockerfile"} {
		if err := os.WriteFile(filepath.Join(work, name), []byte("FROM scratch\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return work
}

// TestGrants: a stranger's extension gets what is in its repository, whatever
// way it takes, and nothing else without a flag.
func TestGrants(t *testing.T) {
	scratch := files{"Dockerfile": "FROM scratch\n"}
	t.Setenv("EXTPACK_SET", "1")
	for name, tt := range map[string]struct {
		table         string
		files         files
		opts          plan.Options
		allow         []string
		want, refused string
	}{
		"nothing":                 {"stage = \"0\"", scratch, plan.Options{}, nil, "fs.read=WORK/repo/x/Dockerfile", ""},
		"context":                 {"contexts = { a = \"../shared\" }", scratch, plan.Options{}, nil, "fs.read=WORK/repo/x/Dockerfile fs.read=WORK/repo/shared", ""},
		"context outside":         {"contexts = { a = \"../../out\" }", scratch, plan.Options{}, nil, "", "read of WORK/out"},
		"context beside":          {"contexts = { a = \"../../repository\" }", scratch, plan.Options{}, nil, "", "read of WORK/repository"},
		"context of a flag":       {"stage = \"0\"", scratch, plan.Options{Contexts: map[string]string{"a": "WORK/out"}}, nil, "fs.read=WORK/repo/x/Dockerfile fs.read=WORK/out", ""},
		"context that is allowed": {"contexts = { a = \"../../out\" }", scratch, plan.Options{}, []string{"fs.read=WORK/out"}, "fs.read=WORK/repo/x/Dockerfile", ""},
		"write is no read":        {"contexts = { a = \"../../out\" }", scratch, plan.Options{}, []string{"fs.write=WORK/out"}, "", "read of WORK/out"},
		"context that is a link":  {"contexts = { a = \"l\" }", files{"Dockerfile": "FROM scratch\n", "l": "-> ../../out"}, plan.Options{}, nil, "", "read of WORK/out"},
		"layout outside":          {"contexts = { a = \"oci-layout://../../out:1\" }", scratch, plan.Options{}, nil, "", "read of WORK/out"},
		"Dockerfile outside":      {"dockerfile = \"../../out/Dockerfile\"", nil, plan.Options{}, nil, "", "read of WORK/out/Dockerfile"},
		"secret":                  {"secrets = [\"id=a,src=../secret\"]", scratch, plan.Options{}, nil, "fs.read=WORK/repo/x/Dockerfile fs.read=WORK/repo/secret", ""},
		"secret outside":          {"secrets = [\"id=a,src=../../out/secret\"]", scratch, plan.Options{}, nil, "", "read of WORK/out/secret"},
		"secret by its name":      {"secrets = [\"id=WORK/out/secret\"]", scratch, plan.Options{}, nil, "", "read of WORK/out/secret"},
		"secret of a variable":    {"secrets = [\"id=EXTPACK_SET\"]", scratch, plan.Options{}, nil, "fs.read=WORK/repo/x/Dockerfile", ""},
		"key outside":             {"ssh = [\"default=../../out/secret\"]", scratch, plan.Options{}, nil, "", "read of WORK/out/secret"},
		"agent":                   {"ssh = [\"default\"]", scratch, plan.Options{}, nil, "", "use your SSH agent"},
		"agent of a flag":         {"stage = \"0\"", scratch, plan.Options{SSH: []string{"default"}}, nil, "fs.read=WORK/repo/x/Dockerfile ssh", ""},
		"network":                 {"network = \"host\"", scratch, plan.Options{}, nil, "", "the network of the builder's machine"},
		"network that is allowed": {"network = \"host\"", scratch, plan.Options{}, []string{"network.host"}, "fs.read=WORK/repo/x/Dockerfile", ""},
		"cache":                   {"cache-to = [\"type=local,dest=cache\"]", scratch, plan.Options{}, nil, "fs.read=WORK/repo/x/Dockerfile fs.write=WORK/repo/x/cache", ""},
		"cache outside":           {"cache-to = [\"type=local,dest=../../new/cache\"]", scratch, plan.Options{}, nil, "", "write of WORK/new/cache"},
		"cache that is a link":    {"cache-from = [\"type=local,src=l/none\"]", files{"Dockerfile": "FROM scratch\n", "l": "-> ../../out"}, plan.Options{}, nil, "", "read of WORK/out/none"},
	} {
		t.Run(name, func(t *testing.T) {
			work := newWork(t)
			at := func(s string) string { return strings.ReplaceAll(s, "WORK", work) }
			for name, value := range tt.opts.Contexts {
				tt.opts.Contexts[name] = at(value)
			}
			allow := slices.Clone(tt.allow)
			for i := range allow {
				allow[i] = at(allow[i])
			}
			got, refused := granted(t, work, at(tt.table)+"\n", tt.files, tt.opts, allow...)
			if tt.refused == "" && (got != tt.want || refused != "") {
				t.Errorf("got %q, refused: %s; want %q", got, refused, tt.want)
			}
			if tt.refused != "" && !strings.Contains(refused, tt.refused) {
				t.Errorf("got %q, refused: %q; want %q", got, refused, tt.refused)
			}
		})
	}
}

// A home directory under version control makes no repository of what is in it.
func TestGrantsAtHome(t *testing.T) {
	work := newWork(t)
	t.Setenv("HOME", work)
	t.Setenv("USERPROFILE", work)
	for _, name := range []string{".git", ".ssh"} {
		if err := os.Mkdir(filepath.Join(work, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(work, "repo/.git")); err != nil {
		t.Fatal(err)
	}
	_, refused := granted(t, work, "contexts = { a = \"../../.ssh\" }\n", files{"Dockerfile": "FROM scratch\n"}, plan.Options{})
	if !strings.Contains(refused, "read of WORK/.ssh, which is outside its repository WORK/repo/x") {
		t.Errorf("refused: %q", refused)
	}
}
