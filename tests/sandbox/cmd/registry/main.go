// Command registry is the registry of the distribution project with the one
// storage driver that the sandbox needs. Its own command links the clients of
// three clouds, which take longer to compile than the rest.
package main

import (
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	if err := registry.RootCmd.Execute(); err != nil {
		os.Exit(1)
	}
}
