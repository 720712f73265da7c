package rules

import "github.com/extpack/extpack/internal/diag"

// Rules for build.Dockerfile and run.Dockerfile.
var (
	DockerfileSyntax = define(Rule{
		ID: "dockerfile-syntax", Severity: diag.Error, Lifecycle: true,
		Summary: "Dockerfiles can be parsed, and are at most 256 KiB long.",
		Source:  lifecycle, Section: "buildpack/dockerfile.go", Fix: "correct the instruction",
	})
	DockerfileStages = define(Rule{
		ID: "dockerfile-stages", Severity: diag.Error, Lifecycle: true,
		Summary: "A Dockerfile has one FROM.",
		Source:  specExtension, Section: "Dockerfile Requirements", Fix: "remove the other stages: neither image can be built in several",
	})
	BuildArg = define(Rule{
		ID: "build-arg", Severity: diag.Error, Lifecycle: true,
		Summary: "build.Dockerfile has ARG base_image, and nothing else, before FROM.",
		Source:  specExtension, Section: "Dockerfile Requirements", Fix: "begin the file with ARG base_image, and move other ARGs below FROM",
	})
	BuildFrom = define(Rule{
		ID: "build-from", Severity: diag.Error, Lifecycle: true,
		Summary: "build.Dockerfile has FROM ${base_image} in exactly this spelling.",
		Source:  specExtension, Section: "Dockerfile Requirements", Fix: "write FROM ${base_image}: the lifecycle recognizes no other spelling",
	})
	RunFrom = define(Rule{
		ID: "run-from", Severity: diag.Error,
		Summary: "The FROM of run.Dockerfile is ${base_image} or an image.",
		Source:  specExtension, Section: "Dockerfile Requirements", Fix: "write FROM ${base_image}, or name an image",
	})
	RunFromOnly = define(Rule{
		ID: "run-from-only", Severity: diag.Warning,
		Summary: "Before api 0.10, run.Dockerfile has no instruction other than FROM.",
		Source:  specExtension, Section: "Dockerfile Requirements", Fix: `raise the api to "0.10"`,
	})
	RunUser = define(Rule{
		ID: "run-user", Severity: diag.Error,
		Summary: "The last USER of run.Dockerfile is not root.",
		Source:  lifecycle, Section: "phase/extender.go", Fix: "end the file with USER ${user_id}:${group_id}; an exception in [metadata.extpack.lint] allows it if a later extension sets the user",
	})
	RunImagePlatform = define(Rule{
		ID: "run-image-platform", Severity: diag.Error, Online: true,
		Summary: "The base image of run.Dockerfile exists for every platform of the targets.",
		Source:  "pack issue 2128", Section: "Run images", Fix: "see \"docker extpack run-image\"",
	})
	RunImageBuilder = define(Rule{
		ID: "run-image-builder", Severity: diag.Note,
		Summary: "A run image that run.Dockerfile switches to is among the run.images of the builder.",
		Source:  lifecycle, Section: "phase/generator.go", Fix: "add the image to [[run.images]] of builder.toml, or the lifecycle warns",
	})
	Instruction = define(Rule{
		ID: "dockerfile-instruction", Severity: diag.Warning,
		Summary: "Dockerfiles have only ADD, ARG, COPY, ENV, LABEL, RUN, SHELL, USER and WORKDIR below FROM.",
		Source:  specExtension, Section: "Dockerfile Requirements", Fix: "remove the instruction",
	})
	BuildIDDefault = define(Rule{
		ID: "build-id-default", Severity: diag.Warning,
		Summary: "build_id defaults to 0 where it is used.",
		Source:  specExtension, Section: "Dockerfile Requirements", Fix: "write ARG build_id=0",
	})
	UserRestore = define(Rule{
		ID: "user-restore", Severity: diag.Warning,
		Summary: "A Dockerfile that changes the user restores it with user_id and group_id.",
		Source:  specExtension, Section: "Dockerfile Requirements", Fix: "add ARG user_id, ARG group_id and, at the end, USER ${user_id}:${group_id}",
	})
	PlatformPath = define(Rule{
		ID: "platform-path", Severity: diag.Warning,
		Summary: "Dockerfiles do not write to the folders of the application, the layers and the platform.",
		Source:  specExtension, Section: "Dockerfile Requirements", Fix: "write to another folder",
	})
	Rebasable = define(Rule{
		ID: "rebasable", Severity: diag.Note,
		Summary: "A run.Dockerfile that extends its image says whether it can be rebased.",
		Source:  specExtension, Section: "Dockerfile Requirements", Fix: "add LABEL io.buildpacks.rebasable=true, or false",
	})
	Extender = define(Rule{
		ID: "extender", Severity: diag.Warning,
		Summary: "Dockerfiles use only features that the lifecycle's extender, which is kaniko, supports.",
		Source:  lifecycle, Section: "internal/extend/kaniko", Fix: "use plain RUN and COPY",
	})
	CopySource = define(Rule{
		ID: "copy-source", Severity: diag.Warning,
		Summary: "The sources of COPY and ADD are in the context folder.",
		Source:  specExtension, Section: "Context Folders", Fix: "put the file into generate/context, or into context.build or context.run",
	})
)
