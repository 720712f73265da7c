package cliplugin

import "flag"

// update rewrites golden files: go test ./cli-plugin -update
var update = flag.Bool("update", false, "rewrite golden files and the expected output of scripts")
