// Command detect takes part in a build when the app has an Aptfile.
package main

import (
	"fmt"
	"os"

	"github.com/extpack/extpack/examples/compiled/aptfile"
)

// Exit codes of the Buildpack Interface Specification,
// "Detection": an extension that has nothing to do is not an error.
const (
	exitFail  = 100
	exitError = 1
)

func main() {
	_, err := os.Stat(aptfile.Name)
	if os.IsNotExist(err) {
		os.Exit(exitFail)
	}
	if err == nil {
		plan := "[[provides]]\nname = \"debian-packages\"\n"
		err = os.WriteFile(os.Getenv("CNB_BUILD_PLAN_PATH"), []byte(plan), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "detect:", err)
		os.Exit(exitError)
	}
}
