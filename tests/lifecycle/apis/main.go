// Command apis prints the APIs that the lifecycle supports, as JSON in the form
// of the label io.buildpacks.lifecycle.apis.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/buildpacks/lifecycle/api"
)

type versions struct {
	Deprecated []string `json:"deprecated"`
	Supported  []string `json:"supported"`
}

func main() {
	apis := map[string]versions{"buildpack": list(api.Buildpack), "platform": list(api.Platform)}
	if err := json.NewEncoder(os.Stdout).Encode(apis); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func list(apis api.APIs) versions {
	v := versions{Deprecated: []string{}}
	for _, a := range apis.Supported {
		v.Supported = append(v.Supported, a.String())
	}
	for _, a := range apis.Deprecated {
		v.Deprecated = append(v.Deprecated, a.String())
	}
	return v
}
