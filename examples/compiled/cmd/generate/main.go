// Command generate writes the Dockerfiles that install what the Aptfile lists,
// in the build image and in the run image.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/extpack/extpack/examples/compiled/aptfile"
)

func main() {
	if err := run(os.Getenv("CNB_OUTPUT_DIR")); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(output string) error {
	text, err := os.ReadFile(aptfile.Name)
	if err != nil {
		return err
	}
	packages, err := aptfile.Parse(string(text))
	if err != nil {
		return err
	}
	for _, name := range []string{"build.Dockerfile", "run.Dockerfile"} {
		if err := os.WriteFile(filepath.Join(output, name), []byte(aptfile.Dockerfile(packages)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
