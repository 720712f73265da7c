// Command docgen writes the man pages of the plugin, and the completions of its
// binary when it runs without docker, into a folder.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra/doc"

	cliplugin "github.com/extpack/extpack/cli-plugin"
)

func main() {
	version := flag.String("version", "", "the version in man pages")
	epoch := flag.Int64("epoch", 0, "the time of man pages, in seconds since 1970")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: docgen [-version VERSION] [-epoch SECONDS] DIR")
		os.Exit(125)
	}
	if err := write(flag.Arg(0), *version, time.Unix(*epoch, 0).UTC()); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func write(dir, version string, date time.Time) error {
	pages, completions := filepath.Join(dir, "man"), filepath.Join(dir, "completions")
	for _, dir := range []string{pages, completions} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	header := &doc.GenManHeader{Section: "1", Date: &date, Source: "docker extpack " + version, Manual: "docker extpack"}
	if err := doc.GenManTree(cliplugin.Documented(), header, pages); err != nil {
		return err
	}
	root := cliplugin.Standalone()
	for name, write := range map[string]func(string) error{
		"docker-extpack.bash": func(name string) error { return root.GenBashCompletionFileV2(name, true) },
		"docker-extpack.zsh":  root.GenZshCompletionFile,
		"docker-extpack.fish": func(name string) error { return root.GenFishCompletionFile(name, true) },
		"docker-extpack.ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := write(filepath.Join(completions, name)); err != nil {
			return err
		}
	}
	return nil
}
