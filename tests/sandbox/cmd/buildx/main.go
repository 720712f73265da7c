// Command buildx is Docker's buildx with the drivers that a demo needs. Its own
// command also links the clients of Kubernetes and of Docker's cloud, which take
// longer to compile than the rest of it.
package main

import (
	"fmt"
	"os"

	"github.com/docker/buildx/commands"
	_ "github.com/docker/buildx/driver/docker"
	_ "github.com/docker/buildx/driver/docker-container"
	_ "github.com/docker/buildx/driver/remote"
	"github.com/docker/buildx/version"
	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	// The codec of the messages.
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ERROR:", err)
		os.Exit(1)
	}
}

func run() error {
	cli, err := command.NewDockerCli()
	if err != nil {
		return err
	}
	if plugin.RunningStandalone() {
		return commands.NewRootCmd("buildx", false, cli).Execute()
	}
	return plugin.RunPlugin(cli, commands.NewRootCmd("buildx", true, cli), metadata.Metadata{
		SchemaVersion: "0.1.0", Vendor: "Docker Inc.", Version: version.Version,
	})
}
