package extension

import "maps"

// TestSchemaURL is the URL of the JSON schema of files with test cases.
const TestSchemaURL = "https://raw.githubusercontent.com/extpack/extpack/main/docs/test.schema.json"

// TestSchema returns the JSON schema of files with test cases, recorded from the
// parser as that of [Schema].
func TestSchema() ([]byte, error) {
	r := newReader("", nil)
	root := newSchema(TestSchemaURL, "test cases of docker extpack test")
	r.testCases(&table{r: r, node: newTable(0), schema: root})
	docs := maps.Clone(caseDocs)
	for _, image := range []string{"case.build-image", "case.run-image"} {
		for name, doc := range imageDocs {
			docs[image+"."+name] = doc
		}
	}
	delete(root.Properties["case"].Items.Properties["build-image"].Properties, "base") // of run images only
	return root.encode(docs)
}

var caseDocs = map[string]keyDoc{
	"case":                   {text: "An application and the expected result."},
	"case.name":              {text: "Name, unique in the file."},
	"case.app":               {text: "Directory of the application, relative to this file. The default is an application without files."},
	"case.env":               {text: "Variables of the platform, such as BP_LOG_LEVEL."},
	"case.requires":          {text: "What a buildpack would require: names, or tables with a name and metadata."},
	"case.requires.name":     {text: "Name of an entry of the build plan."},
	"case.requires.metadata": {text: "Metadata of the entry."},
	"case.targets":           {text: "Platforms that the case applies to (os/arch[/variant]) (default all of the extension)."},
	"case.platform-api":      {text: "CNB_PLATFORM_API of the lifecycle (default the newest that it supports).", pattern: platformAPI.Get().String()},
	"case.order":             {text: "Extensions in their order: . is the one under test, others are directories relative to it."},
	"case.detect":            {text: "Whether detection passes (default pass).", enum: []string{"pass", "fail"}},
	"case.output":            {text: "Regular expressions that match the output of detect and generate."},
	"case.fails":             {text: "Regular expression that matches the output of a generate or Dockerfile that fails."},
	"case.plan":              {text: "Names in the plan that is passed to generate."},
	"case.golden":            {text: "Directory with the expected files of generate, relative to this file; --update writes them."},
	"case.changes-app":       {text: "Whether generate may change the application."},
	"case.build-image":       {text: "Assertions about the extended build image."},
	"case.run-image":         {text: "Assertions about the extended run image."},
}

var imageDocs = map[string]keyDoc{
	"base":           {text: "Run image that the extension switches to."},
	"user":           {text: "User, as in the config of the image."},
	"env":            {text: "Variables and their values."},
	"labels":         {text: "Labels and their values."},
	"rebasable":      {text: "Whether the label io.buildpacks.rebasable is true."},
	"file":           {text: "A file of the image."},
	"file.path":      {text: "Absolute path.", pattern: imagePath.Get().String()},
	"file.mode":      {text: "Permission bits, octal.", pattern: octal.Get().String()},
	"file.content":   {text: "Regular expression that matches the content."},
	"file.absent":    {text: "Whether the file must not exist."},
	"command":        {text: "A command that runs as the user of the image."},
	"command.run":    {text: "The command and its arguments."},
	"command.exit":   {text: "Exit code (default 0)."},
	"command.output": {text: "Regular expression that matches the output."},
}
