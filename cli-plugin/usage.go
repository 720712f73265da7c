package cliplugin

// Descriptions of flags that several commands have, in the words of docker and
// buildx. TestFlagUsage compares the others.
const (
	annotationUsage = `Add an annotation to the index ("KEY=VALUE"), or elsewhere as in buildx ("manifest[linux/amd64]:KEY=VALUE")`
	builderUsage    = "Override the configured builder instance"
	formatUsage     = `Format output: "json" or a Go template`
	insecureUsage   = "Allow plain HTTP and unverified certificates for registries"
	noCacheUsage    = "Do not use cache when building"
	noTruncUsage    = "Do not truncate digests"
	outputUsage     = `Write to a package file ("FILE.cnb"), one for each platform ("FILE-{{.OS}}-{{.Arch}}{{.Variant}}.cnb"), or an OCI layout directory ("DIR/")`
)
