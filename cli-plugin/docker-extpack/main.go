// Command docker-extpack is the docker CLI plugin "docker extpack"; it also runs
// by itself.
package main

import (
	"os"

	cliplugin "github.com/extpack/extpack/cli-plugin"
)

func main() { os.Exit(cliplugin.Main()) }
