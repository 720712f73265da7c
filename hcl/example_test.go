package hcl_test

import (
	"fmt"

	"github.com/extpack/extpack/hcl"
)

// A string of a caller is always a value, never syntax.
func Example() {
	file := hcl.New()
	target := file.Block("target", "curl")
	target.Strings("platforms", []string{"linux/amd64", "linux/arm64"})
	target.Map("args", map[string]string{"VERSION": "${1.0}"})
	fmt.Print(string(file.Bytes()))
	// Output:
	// target "curl" {
	//   platforms = ["linux/amd64", "linux/arm64"]
	//   args      = { VERSION = "$${1.0}" }
	// }
}
