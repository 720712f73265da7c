package platform_test

import (
	"fmt"

	"github.com/extpack/extpack/internal/platform"
)

func ExampleParseTarget() {
	target, err := platform.ParseTarget("linux/aarch64:ubuntu@22.04,24.04")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(platform.Format(platform.Of(target)), target.Distros)
	// Output: linux/arm64 [ubuntu@22.04 ubuntu@24.04]
}

// An image has one name, and older spellings of it are parsed too.
func ExampleParseIdentity() {
	for _, name := range []string{"linux/arm", "windows(10.0.17763)/amd64"} {
		id, err := platform.ParseIdentity(name)
		fmt.Println(id, err)
	}
	// Output:
	// linux/arm/v7 <nil>
	// windows/amd64 (os.version 10.0.17763) <nil>
}
