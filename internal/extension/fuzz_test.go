package extension

import (
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func FuzzParse(f *testing.F) {
	for _, tests := range [][]diagnosticTest{syntaxTests, infoTests, targetTests, settingsTests, packageTests} {
		for _, tt := range tests {
			if len(tt.toml) < maxSize {
				f.Add([]byte(tt.toml))
			}
		}
	}
	f.Add([]byte(everything))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, list, err := Parse("extension.toml", data)
		checkInvariants(t, d != nil, "extension.toml", data, list, err)
		p, list, err := ParsePackage("package.toml", data)
		checkInvariants(t, p != nil, "package.toml", data, list, err)
	})
}

func checkInvariants(t *testing.T, given bool, file string, data []byte, list diag.List, err error) {
	t.Helper()
	if given == (err != nil) {
		t.Errorf("value given: %v, error: %v", given, err)
	}
	if (err == nil) != (list.Err() == nil) {
		t.Errorf("error %v for the list %v", err, list)
	}
	for _, d := range list {
		if d.File != file || d.Message == "" || d.Line < 0 || d.Line > len(data)+1 || d.Column > len(data)+1 {
			t.Errorf("bad diagnostic %+v", d)
		}
	}
}
