package extension

import "maps"

// URLs of the JSON schemas of the other files, as [SchemaURL].
const (
	WorkspaceSchemaURL = "https://raw.githubusercontent.com/extpack/extpack/main/docs/workspace.schema.json"
	PackageSchemaURL   = "https://raw.githubusercontent.com/extpack/extpack/main/docs/package.schema.json"
)

// WorkspaceSchema returns the JSON schema of extpack.toml at the root of a
// repository, recorded from the parser as that of [Schema].
func WorkspaceSchema() ([]byte, error) {
	root := newSchema(WorkspaceSchemaURL, "extpack.toml of a repository with several extensions")
	r := newSettingsReader("", nil)
	r.workspace(&table{r: r, node: newTable(0), schema: root})
	return root.encode(workspaceDocs)
}

// PackageSchema returns the JSON schema of package.toml, recorded from the parser
// as that of [Schema].
func PackageSchema() ([]byte, error) {
	root := newSchema(PackageSchemaURL, "package.toml of an image extension")
	r := newReader("", nil)
	r.packageTOML(&table{r: r, node: newTable(0), schema: root})
	for _, ignored := range []string{"buildpack", "dependencies"} { // of buildpacks
		delete(root.Properties, ignored)
	}
	docs := maps.Clone(packageDocs)
	for name, doc := range keyDocs {
		if _, ok := docs[name]; !ok {
			docs[name] = doc
		}
	}
	return root.encode(docs)
}

func newSchema(url, title string) *schema {
	return &schema{Schema: "http://json-schema.org/draft-07/schema#", ID: url, Title: title, Type: "object"}
}

var workspaceDocs = map[string]keyDoc{
	"workspace":             {text: "The extensions of a repository and what they share."},
	"workspace.members":     {text: "Folders of extensions, and patterns of them, relative to this file."},
	"workspace.exclude":     {text: "Folders and patterns that are not members."},
	"workspace.tags":        {text: "References to publish to; may contain {{.ID}}, {{.Slug}} and {{.Version}}."},
	"workspace.targets":     {text: "Platforms, os/arch[/variant][:distro@version]."},
	"workspace.labels":      {text: "Labels of every image."},
	"workspace.annotations": {text: "Annotations of the index."},
}

var packageDocs = map[string]keyDoc{
	"extension":     {text: "Location of the extension."},
	"extension.uri": {text: "Folder or archive of the extension, relative to this file (default the folder of this file)."},
	"targets":       {text: "Platforms to build, instead of those of extension.toml."},
	"platform":      {text: "Use [[targets]].", deprecated: true},
	"platform.os":   {text: "Operating system.", enum: []string{"linux", "windows"}, deprecated: true},
}
