//go:build !unix

package cliplugin

import "github.com/rogpeppe/go-internal/testscript"

func cmdFIFO(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("fifo: there are no named pipes here; guard the line with [unix]")
}
