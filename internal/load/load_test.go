package load

import (
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/remote"
)

// extensionDir returns the directory of an extension, with more files.
func extensionDir(t *testing.T, id string, files map[string]string) string {
	t.Helper()
	dir := filetest.Dir(t, map[string]string{
		"extension.toml": "api = \"0.10\"\n[extension]\nid = \"" + id + "\"\nversion = \"1.0.0\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
		"*bin/generate":  "#!/bin/sh\n",
	})
	filetest.Fill(t, dir, files)
	return dir
}

// TestPlan: invalid extensions fail the plan, or are left out of it to keep going.
func TestPlan(t *testing.T) {
	t.Parallel()
	good, warned := extensionDir(t, "a/good", nil), extensionDir(t, "a/warned", map[string]string{"id_rsa": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n-----END OPENSSH PRIVATE KEY-----\n"})
	unreadable := filetest.Dir(t, map[string]string{"extension.toml": "api ="})
	// The descriptor is valid, and a script is not.
	refused := extensionDir(t, "a/refused", map[string]string{"*bin/generate": "#!/bin/sh\r\n"})
	for name, tt := range map[string]struct {
		dirs      []string
		keepGoing bool
		planned   string
		leftOut   string // what the error names
		err       string
		warning   string
	}{
		"good":                   {dirs: []string{good}, planned: "a/good"},
		"warned":                 {dirs: []string{warned}, planned: "a/warned", warning: "id_rsa"},
		"unreadable":             {dirs: []string{good, unreadable}, err: unreadable},
		"refused":                {dirs: []string{good, refused}, err: "bin/generate"},
		"unreadable, keep going": {dirs: []string{unreadable, good}, keepGoing: true, planned: "a/good", leftOut: unreadable},
		"refused, keep going":    {dirs: []string{refused, good}, keepGoing: true, planned: "a/good", leftOut: "bin/generate"},
		"nothing is left":        {dirs: []string{refused}, keepGoing: true, err: "bin/generate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var warnings diag.List
			p, leftOut, err := Plan(t.Context(), Request{
				Dirs: tt.dirs, Sources: &remote.Sources{}, Options: plan.Options{KeepGoing: tt.keepGoing},
				Lint: lint.BuildOptions{}, Warn: func(list diag.List) { warnings = append(warnings, list...) },
			})
			check := func(what string, err error, want string) {
				if (want == "") != (err == nil) || err != nil && (!diag.IsInvalid(err) || !strings.Contains(diag.Text(err), want)) {
					t.Errorf("%s: %v, want %q", what, err, want)
				}
			}
			check("error", err, tt.err)
			check("left out", leftOut, tt.leftOut)
			planned := ""
			if p != nil {
				for _, e := range p.Extensions {
					planned += e.Descriptor.Info.ID
				}
			}
			if planned != tt.planned {
				t.Errorf("planned %q, want %q", planned, tt.planned)
			}
			said := ""
			for _, d := range warnings {
				if said += d.String(); d.Severity == diag.Error {
					t.Errorf("an error is a warning: %s", d)
				}
			}
			if tt.warning != "" && !strings.Contains(said, tt.warning) {
				t.Errorf("warnings: %q", said)
			}
		})
	}
}

// TestPlanOfURL: a command without a folder for them takes no remote sources.
func TestPlanOfURL(t *testing.T) {
	t.Parallel()
	_, _, err := Plan(t.Context(), Request{Dirs: []string{"https://example.com/x.git"}, Sources: &remote.Sources{}})
	if !diag.IsInvalid(err) {
		t.Errorf("got %v", err)
	}
}
