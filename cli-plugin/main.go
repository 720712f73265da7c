package main

import (
	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	_ "github.com/hashicorp/hcl/v2/hclwrite"
	_ "github.com/pelletier/go-toml/v2"
	_ "oras.land/oras-go/v2"
	_ "oras.land/oras-go/v2/registry/remote"
)

func main() {
	plugin.Run(func(c command.Cli) *cobra.Command {
		return &cobra.Command{Use: "extpack", RunE: func(*cobra.Command, []string) error { return nil }}
	}, metadata.Metadata{SchemaVersion: "0.1.0", Vendor: "x"})
}
