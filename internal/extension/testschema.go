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
	"case":                   {text: "An application and what the extension makes of it."},
	"case.name":              {text: "Name, unique in the file."},
	"case.app":               {text: "Directory of the application, relative to this file. An application without files when not given."},
	"case.env":               {text: "Variables of the platform, such as BP_LOG_LEVEL."},
	"case.requires":          {text: "What a buildpack would require: names, or tables with a name and metadata."},
	"case.requires.name":     {text: "Name of an entry of the build plan."},
	"case.requires.metadata": {text: "Metadata of the entry."},
	"case.targets":           {text: "Platforms that the case applies to (os/arch[/variant]); all of the extension when not given."},
	"case.platform-api":      {text: "CNB_PLATFORM_API of the lifecycle; the newest that it supports when not given.", pattern: platformAPI.Get().String()},
	"case.order":             {text: "Extensions in their order: . is the one under test, others are directories relative to it."},
	"case.detect":            {text: "Whether detection passes; it has to when not given.", enum: []string{"pass", "fail"}},
	"case.output":            {text: "Regular expressions that the output of detect and generate matches."},
	"case.fails":             {text: "Regular expression that the output of a generate or of a Dockerfile that fails matches."},
	"case.plan":              {text: "Names that generate gets in the plan."},
	"case.golden":            {text: "Directory with the files that generate has to write, relative to this file; --update writes them."},
	"case.changes-app":       {text: "Whether generate may change the application."},
	"case.build-image":       {text: "What is asserted of the extended build image."},
	"case.run-image":         {text: "What is asserted of the extended run image."},
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
	"file.content":   {text: "Regular expression that the content matches."},
	"file.absent":    {text: "Whether there may be no such file."},
	"command":        {text: "A command that runs as the user of the image."},
	"command.run":    {text: "The command and its arguments."},
	"command.exit":   {text: "Exit code; 0 when not given."},
	"command.output": {text: "Regular expression that the output matches."},
}
