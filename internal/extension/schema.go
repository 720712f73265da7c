package extension

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/layer"
)

// SchemaURL is the URL of the JSON schema of extension.toml. Editors read it
// from a comment in the file, "#:schema URL".
const SchemaURL = "https://raw.githubusercontent.com/extpack/extpack/main/docs/extension.schema.json"

// schema is the part of JSON schema that descriptors need.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Deprecated  bool               `json:"deprecated,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	// Additional is false for tables without other keys, and a schema for
	// tables with arbitrary keys.
	Additional any `json:"additionalProperties,omitempty"`
}

// Schema returns the JSON schema of extension.toml. It is recorded from the
// parser: the parser runs on an empty file, and every key that it reads is
// added.
func Schema() ([]byte, error) {
	r := newReader(DescriptorFile, nil)
	root := newSchema(SchemaURL, "extension.toml of an image extension")
	r.descriptor(&table{r: r, node: newTable(0), schema: root})
	return root.encode(keyDocs)
}

// encode returns the schema as JSON, with the documentation of its keys.
func (s *schema) encode(docs map[string]keyDoc) ([]byte, error) {
	if err := s.describe("", docs); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(s, "", "  ")
	return append(data, '\n'), err
}

// note adds a key that the parser reads, and returns its schema.
func (s *schema) note(name string, k kind) *schema {
	if s.Properties == nil {
		s.Properties = map[string]*schema{}
	}
	p := &schema{Type: map[kind]string{tableKind: "object", arrayKind: "array", stringKind: "string", boolKind: "boolean", integerKind: "integer"}[k]}
	s.Properties[name] = p
	return p
}

// recorded returns an empty table that records its keys in a schema.
func (t *table) recorded(name string, s *schema, array bool) *table {
	return &table{r: t.r, node: newTable(0), path: t.join(name), array: array, schema: s}
}

// recordedOr is [table.recorded] for the items of an array that may be something
// else too.
func (t *table) recordedOr(name string, other schema) *table {
	items := &schema{Type: "object"}
	t.schema.Properties[name].Items = &schema{AnyOf: []*schema{&other, items}}
	return t.recorded(name, items, true)
}

// describe adds the documentation of each key.
func (s *schema) describe(path string, docs map[string]keyDoc) error {
	for name, p := range s.Properties {
		at := strings.TrimPrefix(path+"."+name, ".")
		doc, ok := docs[at]
		if !ok {
			return fmt.Errorf("the key %s has no description", at)
		}
		p.Description, p.Pattern, p.Enum, p.Deprecated = doc.text, doc.pattern, doc.enum, doc.deprecated
		if err := p.describe(at, docs); err != nil {
			return err
		}
	}
	for _, part := range append(slices.Clone(s.AnyOf), s.Items) {
		if part == nil {
			continue
		}
		if err := part.describe(path, docs); err != nil {
			return err
		}
	}
	return nil
}

// keyDoc is the documentation of a key.
type keyDoc struct {
	text, pattern string
	enum          []string
	deprecated    bool
}

var keyDocs = map[string]keyDoc{
	"api":                           {text: "Version of the Buildpack API, 0.7 to 0.12.", pattern: fmt.Sprintf(`^0\.(%s)$`, supportedMinors())},
	"extension":                     {text: "Identity and description of the extension."},
	"extension.id":                  {text: "Globally unique id, such as my-company/my-extension.", pattern: `^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$`},
	"extension.version":             {text: "Version, X.Y.Z.", pattern: versionPattern.Get().String()},
	"extension.name":                {text: "Display name."},
	"extension.description":         {text: "What the extension does, in a sentence."},
	"extension.homepage":            {text: "Home page, an http or https URL."},
	"extension.keywords":            {text: "Keywords for searches."},
	"extension.exec-env":            {text: "Execution environments that the extension is for, such as production or test."},
	"extension.clear-env":           {text: "For buildpacks only.", deprecated: true},
	"extension.licenses":            {text: "Licenses of the extension."},
	"extension.licenses.type":       {text: "SPDX license expression, such as Apache-2.0."},
	"extension.licenses.uri":        {text: "URI of the text of the license."},
	"targets":                       {text: "Platforms that the extension supports. Each one with os and arch becomes an image."},
	"targets.os":                    {text: "Operating system.", enum: knownOS},
	"targets.arch":                  {text: "Architecture, in the names of Go and OCI images.", enum: knownArch},
	"targets.variant":               {text: "Variant of the architecture, such as v7 of arm."},
	"targets.arch-variant":          {text: "Variant, in the spelling of the lifecycle. Use variant too."},
	"targets.path":                  {text: "Folder with the files of this target (RFC 0128)."},
	"targets.distros":               {text: "Distributions that the target supports (default any)."},
	"targets.distros.name":          {text: "ID of /etc/os-release, such as ubuntu."},
	"targets.distros.version":       {text: "VERSION_ID of /etc/os-release, such as 24.04."},
	"targets.distros.versions":      {text: "Use a table for each version.", deprecated: true},
	"targets.distributions":         {text: "Use distros.", deprecated: true},
	"targets.distributions.name":    {text: "ID of /etc/os-release."},
	"targets.distributions.version": {text: "VERSION_ID of /etc/os-release."},
	"targets.distributions.versions": {
		text: "VERSION_ID of several releases.", deprecated: true,
	},
	"metadata":                                 {text: "Data of the extension and of tools; other keys are allowed."},
	"metadata.include-files":                   {text: "Files and folders that enter the package, instead of all; also read by pack's and Paketo's tools."},
	"metadata.pre-package":                     {text: "Command that Paketo's tools run before packaging. docker extpack does not run it."},
	"metadata.extpack":                         {text: "Settings of docker extpack."},
	"metadata.extpack.image":                   {text: "Reference to publish to if no --tag is specified; may contain {{.ID}}, {{.Slug}} and {{.Version}}."},
	"metadata.extpack.shared":                  {text: "Files and folders that are copied for every platform, if platforms have separate folders."},
	"metadata.extpack.labels":                  {text: "Labels of every image."},
	"metadata.extpack.annotations":             {text: "Annotations of the index."},
	"metadata.extpack.git":                     {text: "Whether to annotate packages with their Git commit and origin: org.opencontainers.image.revision and source."},
	"metadata.extpack.build":                   {text: "Build stage whose files are the package, caches, and compression of layers."},
	"metadata.extpack.build.dockerfile":        {text: "Dockerfile of the build stage (default Dockerfile)."},
	"metadata.extpack.build.stage":             {text: "Stage whose files are the package (default the last one)."},
	"metadata.extpack.build.args":              {text: "Build arguments."},
	"metadata.extpack.build.contexts":          {text: "Named contexts, as in docker buildx build --build-context."},
	"metadata.extpack.build.secrets":           {text: "Secrets that the stage requires, as in docker buildx build --secret."},
	"metadata.extpack.build.ssh":               {text: "SSH agents or keys that the stage requires, as in docker buildx build --ssh."},
	"metadata.extpack.build.add-hosts":         {text: "Hosts of the stage, as in docker buildx build --add-host."},
	"metadata.extpack.build.target":            {text: "Stages of platforms that use another one than stage, by platform."},
	"metadata.extpack.build.pull":              {text: "Whether to always attempt to pull base images; only the docker driver does not do so anyway."},
	"metadata.extpack.build.no-cache-filter":   {text: "Stages that are always built, as in docker buildx build --no-cache-filter."},
	"metadata.extpack.build.shm-size":          {text: "Size of /dev/shm, as in docker buildx build --shm-size."},
	"metadata.extpack.build.ulimits":           {text: "Limits of RUN instructions, as in docker buildx build --ulimit."},
	"metadata.extpack.build.extra-hosts":       {text: "Hosts of the stage and their addresses, as in a bake file."},
	"metadata.extpack.build.network":           {text: "Network of RUN instructions.", enum: networks},
	"metadata.extpack.build.cache-from":        {text: "Caches to read, as in docker buildx build --cache-from."},
	"metadata.extpack.build.cache-to":          {text: "Caches to write, as in docker buildx build --cache-to."},
	"metadata.extpack.build.compression":       {text: "Compression of layers (default gzip, which every reader supports).", enum: layer.Compressions},
	"metadata.extpack.build.compression-level": {text: "Compression level, 0 to 9 for gzip and 0 to 22 for zstd."},
	"metadata.extpack.lint":                    {text: "Settings of docker extpack lint."},
	"metadata.extpack.lint.ignore":             {text: "Rules that are turned off."},
	"metadata.extpack.lint.ignore.rule":        {text: "ID of the rule; see docker extpack lint --list-rules."},
	"metadata.extpack.lint.ignore.reason":      {text: "Why the rule does not apply."},
	"metadata.extpack.lint.ignore.path":        {text: "File or folder for which the rule is off (default all)."},
	"metadata.extpack.test":                    {text: "Images and cases of docker extpack test."},
	"metadata.extpack.test.builder-image":      {text: "Builder image with the build image, the lifecycle and the name of the run image."},
	"metadata.extpack.test.build-image":        {text: "Build image, instead of the builder image."},
	"metadata.extpack.test.run-image":          {text: "Run image, instead of the builder image's."},
	"metadata.extpack.test.lifecycle":          {text: "Image with the lifecycle, instead of the builder image's."},
	"metadata.extpack.test.cases":              {text: "Folder with the test cases (default tests). It never enters a package."},
}

func supportedMinors() string {
	var minors []string
	for n := minAPIMinor; n <= maxAPIMinor; n++ {
		minors = append(minors, fmt.Sprint(n))
	}
	return strings.Join(minors, "|")
}
