package rules_test

import "strings"

// pair is an extension that breaks a rule and one that just does not.
type pair struct {
	rule      string
	name      string
	bad, good files
	undecided bool // bad is reported as not decidable
}

const armELF = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

var pairs = []pair{
	// extension.toml
	{rule: "toml", name: "syntax", bad: static(files{"extension.toml": "api = 0.10x\n"}), good: static(nil)},
	{rule: "toml", name: "key twice", bad: static(toml(`version = "0.0.1"`, "version = \"0.0.1\"\nversion = \"0.0.2\"")), good: static(nil)},
	{rule: "toml", name: "not UTF-8", bad: static(toml("Apache-2.0", "\xff")), good: static(toml("Apache-2.0", "MIT"))},
	{rule: "descriptor", name: "missing", bad: static(files{"extension.toml": "-"}), good: static(nil)},
	{rule: "value-type", name: "version", bad: static(toml(`"0.0.1"`, "1")), good: static(nil)},
	{rule: "value-type", name: "targets", bad: static(files{"extension.toml": strings.Replace(descriptor, "[[targets]]", "[targets]", 1)}), good: static(nil)},
	{rule: "api-missing", name: "missing", bad: static(toml("api = \"0.10\"\n", "")), good: static(nil)},
	{rule: "api-invalid", name: "three numbers", bad: static(toml("0.10", "0.10.1")), good: static(nil)},
	{rule: "api-invalid", name: "v", bad: static(toml("0.10", "v0.10")), good: static(toml("0.10", "0.12"))},
	{rule: "api-unsupported", name: "old", bad: static(toml("0.10", "0.6")), good: static(toml("0.10", "0.7"))},
	{rule: "api-unsupported", name: "new", bad: static(toml("0.10", "0.13")), good: static(toml("0.10", "0.12"))},
	{rule: "api-unsupported", name: "major", bad: static(toml("0.10", "1")), good: static(toml("0.10", "0.9"))},
	{rule: "extension-missing", name: "missing", bad: static(files{"extension.toml": "api = \"0.10\"\n"}), good: static(nil)},
	{rule: "id-missing", name: "missing", bad: static(toml("id = \"samples/tool\"\n", "")), good: static(nil)},
	{rule: "id-invalid", name: "blank", bad: static(toml("samples/tool", "samples/my tool")), good: static(toml("samples/tool", "samples/my-tool"))},
	{rule: "id-invalid", name: "dots", bad: static(toml("samples/tool", "../tool")), good: static(toml("samples/tool", "a.b/tool"))},
	{rule: "id-reserved", name: "app", bad: static(toml("samples/tool", "app")), good: static(toml("samples/tool", "samples/app"))},
	{rule: "id-reserved", name: "sbom", bad: static(toml("samples/tool", "sbom")), good: static(toml("samples/tool", "samples/sbom"))},
	{rule: "id-underscore", name: "underscore", bad: static(toml("samples/tool", "samples/my_tool")), good: static(toml("samples/tool", "samples/my-tool"))},
	{rule: "id-registry", name: "no namespace", bad: static(toml("samples/tool", "tool")), good: static(nil)},
	{rule: "id-registry", name: "upper case", bad: static(toml("samples/tool", "samples/Tool")), good: static(toml("samples/tool", "samples/t.o-l"))},
	{rule: "version-missing", name: "missing", bad: static(toml("version = \"0.0.1\"\n", "")), good: static(nil)},
	{rule: "version-invalid", name: "zero", bad: static(toml(`"0.0.1"`, `"0.01.1"`)), good: static(toml(`"0.0.1"`, `"0.10.1"`))},
	{rule: "version-invalid", name: "two numbers", bad: static(toml(`"0.0.1"`, `"1.0"`)), good: static(toml(`"0.0.1"`, `"1.0.0"`))},
	{rule: "order", name: "order", bad: static(files{"extension.toml": descriptor + "[[order]]\n"}), good: static(files{"extension.toml": descriptor + "[metadata]\norder = 1\n"})},
	{rule: "license-empty", name: "empty", bad: static(toml(`type = "Apache-2.0"`, "")), good: static(toml(`type = "Apache-2.0"`, `uri = "LICENSE"`))},
	{rule: "license-spdx", name: "name", bad: static(toml("Apache-2.0", "Apache License")), good: static(toml("Apache-2.0", "MIT OR Apache-2.0"))},
	{rule: "homepage", name: "no URL", bad: static(toml("https://example.com", "example.com")), good: static(nil)},
	{rule: "control-character", name: "version", bad: static(toml(`"0.0.1"`, `"0.0.1\n"`)), good: static(nil)},
	{rule: "key-case", name: "version", bad: static(toml(`version = "0.0.1"`, "version = \"0.0.1\"\nVersion = \"0.0.2\"")), good: static(nil)},
	{rule: "unknown-key", name: "misspelling", bad: static(toml("homepage", "hompage")), good: static(nil)},
	{rule: "deprecated-key", name: "stacks", bad: static(files{"extension.toml": descriptor + "[[stacks]]\nid = \"*\"\n"}), good: static(nil)},
	{rule: "deprecated-key", name: "clear-env", bad: static(toml("[[extension", "clear-env = true\n[[extension")), good: static(toml("[[extension", "clear-env = false\n[[extension"))},
	{rule: "deprecated-key", name: "sbom-formats", bad: static(toml("[[extension", "sbom-formats = [\"x\"]\n[[extension")), good: static(nil)},
	{rule: "setting", name: "shared path", bad: static(files{"extension.toml": descriptor + "[metadata.extpack]\nshared = [\"../x\"]\n"}), good: static(files{"extension.toml": descriptor + "[metadata.extpack]\nshared = [\"detect\"]\n"})},
	{rule: "setting", name: "image", bad: static(files{"extension.toml": descriptor + "[metadata.extpack]\nimage = \"a b\"\n"}), good: static(files{"extension.toml": descriptor + "[metadata.extpack]\nimage = \"a/b\"\n"})},
	{rule: "setting-ignored", name: "pre-package", bad: static(files{"extension.toml": descriptor + "[metadata]\npre-package = \"x\"\n"}), good: static(nil)},
	{
		rule: "lint-exception", name: "turns nothing off",
		bad:  static(files{"extension.toml": descriptor + "[[metadata.extpack.lint.ignore]]\nrule = \"secret\"\nreason = \"x\"\n"}),
		good: static(files{"extension.toml": descriptor + "[[metadata.extpack.lint.ignore]]\nrule = \"secret\"\nreason = \"x\"\n", ".env": "A=1\n"}),
	},

	// targets and platform folders
	{rule: "targets-missing", name: "missing", bad: static(toml("[[targets]]\nos = \"linux\"\narch = \"amd64\"\n", "")), good: static(nil)},
	{rule: "target-platform", name: "arch", bad: static(toml("amd64", "x86_64")), good: static(toml("amd64", "arm64"))},
	{rule: "target-platform", name: "os", bad: static(toml(`"linux"`, `"Linux"`)), good: static(nil)},
	{rule: "target-platform", name: "variant", bad: static(toml(`arch = "amd64"`, "arch = \"arm\"\nvariant = \"7\"")), good: static(toml(`arch = "amd64"`, "arch = \"arm\"\nvariant = \"v7\""))},
	{rule: "target-toolchain", name: "combination", bad: static(toml(`"linux"`, `"plan9"`, "amd64", "s390x")), good: static(toml("amd64", "s390x"))},
	{rule: "target-variant", name: "arch-variant", bad: static(toml(`arch = "amd64"`, "arch = \"arm\"\narch-variant = \"v7\"")), good: static(toml(`arch = "amd64"`, "arch = \"arm\"\nvariant = \"v7\"\narch-variant = \"v7\""))},
	{rule: "target-distro", name: "no name", bad: static(files{"extension.toml": descriptor + "[[targets.distros]]\nversion = \"24.04\"\n"}), good: static(files{"extension.toml": descriptor + "[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n"})},
	{rule: "distro-spelling", name: "upper case", bad: static(files{"extension.toml": descriptor + "[[targets.distros]]\nname = \"Ubuntu\"\nversion = \"24.04\"\n"}), good: static(files{"extension.toml": descriptor + "[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n"})},
	{rule: "distro-spelling", name: "no version", bad: static(files{"extension.toml": descriptor + "[[targets.distros]]\nname = \"ubuntu\"\n"}), good: static(files{"extension.toml": descriptor + "[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n"})},
	{rule: "old-spelling", name: "distributions", bad: static(files{"extension.toml": descriptor + "[[targets.distributions]]\nname = \"ubuntu\"\nversion = \"24.04\"\n"}), good: static(files{"extension.toml": descriptor + "[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n"})},
	{rule: "target-windows", name: "windows", bad: static(toml(`"linux"`, `"windows"`)), good: static(nil)},
	{rule: "target-duplicate", name: "twice", bad: static(files{"extension.toml": descriptor + "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"}), good: static(files{"extension.toml": descriptor + "[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"})},
	{rule: "root-unused", name: "no target", bad: static(files{"linux/arm64/bin/x": "", "linux/amd64/generate/build.Dockerfile": buildFile}), good: static(files{"linux/amd64/generate/build.Dockerfile": buildFile})},
	{rule: "root-unused", name: "no folder", bad: static(files{"extension.toml": descriptor + "[[targets]]\nos = \"linux\"\narch = \"arm64\"\n", "linux/amd64/generate/build.Dockerfile": buildFile}), good: static(files{"extension.toml": descriptor + "[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"})},
	{rule: "plan", name: "shared file", bad: static(files{"extension.toml": descriptor + "[metadata.extpack]\nshared = [\"gone\"]\n"}), good: static(files{"extension.toml": descriptor + "[metadata.extpack]\nshared = [\"detect\"]\n"})},
	{rule: "plan-doubtful", name: "misnamed folder", bad: static(merge(toml("amd64", "arm64"), files{"linux/x86_64/bin/x": ""})), good: static(files{"docs/README": ""})},

	// layout and entry points
	{rule: "entry-point-missing", name: "nothing", bad: static(files{"generate/build.Dockerfile": "-"}), good: static(nil)},
	{rule: "entry-point", name: "no interpreter line", bad: programs(files{"x:bin/generate": "exit 0\n"}), good: programs(nil)},
	{rule: "entry-point", name: "detect without interpreter line", bad: programs(files{"x:bin/detect": "exit 0\n"}), good: programs(nil)},
	{rule: "entry-point", name: "folder", bad: programs(files{"bin/generate": "-", "bin/generate/": ""}), good: programs(nil)},
	{rule: "entry-point", name: "dangling link", bad: programs(files{"bin/detect": "-> gone"}), good: programs(files{"bin/detect": "-> generate"})},
	{rule: "entry-point-mode", name: "mode", bad: programs(files{"bin/detect": script}), good: programs(nil)},
	{rule: "static-ignored", name: "generate", bad: programs(files{"generate/build.Dockerfile": buildFile}), good: programs(files{"generated/build.Dockerfile": buildFile})},
	{rule: "static-ignored", name: "detect", bad: programs(files{"detect/plan.toml": ""}), good: programs(nil)},
	{rule: "bin-build", name: "bin/build", bad: programs(files{"x:bin/build": script}), good: programs(files{"x:bin/builder": script})},
	{rule: "script-interpreter", name: "CRLF", bad: programs(files{"x:bin/detect": "#!/bin/sh\r\nexit 0\r\n"}), good: programs(files{"x:bin/detect": "#!/bin/sh\nexit 0 #\r\n"})},
	{rule: "script-interpreter", name: "relative", bad: programs(files{"x:bin/generate": "#!bin/sh\n"}), good: programs(files{"x:bin/generate": "#! /bin/sh\n"})},
	{rule: "script-interpreter", name: "mark", bad: programs(files{"x:bin/generate": "\ufeff#!/bin/sh\n"}), good: programs(nil)},
	{rule: "script-length", name: "128 bytes", bad: programs(files{"x:lib/x": "#!/bin/sh " + strings.Repeat("x", 118) + "\n"}), good: programs(files{"x:lib/x": "#!/bin/sh " + strings.Repeat("x", 117) + "\n"})},
	{rule: "script-missing", name: "text", bad: programs(files{"x:lib/x": "echo\n"}), good: programs(files{"lib/x": "echo\n"})},
	{rule: "binary-platform", name: "arm64", bad: programs(files{"x:bin/generate": armELF}), good: programs(files{"x:lib/x": armELF[:16] + "\x01\x00" + armELF[18:]})},
	{
		rule: "binary-variant", name: "ARMv7 on v6",
		bad:  programs(merge(toml(`arch = "amd64"`, "arch = \"arm\"\nvariant = \"v6\""), files{"x:lib/x": armv7})),
		good: programs(merge(toml(`arch = "amd64"`, "arch = \"arm\"\nvariant = \"v7\""), files{"x:lib/x": armv7})),
	},
	{rule: "detect-output-dir", name: "variable", bad: programs(files{"x:bin/detect": "#!/bin/sh\nls $CNB_OUTPUT_DIR\nexit 0\n"}), good: programs(files{"x:bin/generate": "#!/bin/sh\nls $CNB_OUTPUT_DIR\n"})},
	{rule: "variable-newer", name: "target", bad: programs(merge(toml("0.10", "0.9"), files{"x:bin/generate": "#!/bin/sh\necho $CNB_TARGET_OS\n"})), good: programs(files{"x:bin/generate": "#!/bin/sh\necho $CNB_TARGET_OS\n"})},
	{rule: "variable-newer", name: "plan path", bad: programs(merge(toml("0.10", "0.7"), files{"x:bin/detect": "#!/bin/sh\necho ${CNB_BUILD_PLAN_PATH}\n"})), good: programs(merge(toml("0.10", "0.7"), files{"x:bin/detect": "#!/bin/sh\n# CNB_BUILD_PLAN_PATH\n"}))},
	{rule: "variable-newer", name: "generate has no exec env", bad: programs(merge(toml("0.10", "0.12"), files{"x:bin/generate": "#!/bin/sh\necho $CNB_EXEC_ENV\n"})), good: programs(merge(toml("0.10", "0.12"), files{"x:bin/detect": "#!/bin/sh\necho $CNB_EXEC_ENV\n"}))},
	{rule: "sbom", name: "launch", bad: static(files{"generate/launch.sbom.cdx.json": "{}"}), good: static(files{"generate/context/launch.sbom.cdx.json": "{}"})},
	{rule: "secret", name: ".env", bad: static(files{".env": "A=1\n"}), good: static(files{".env.example": "A=1\n"})},
	{rule: "secret", name: "private key", bad: static(files{"key.txt": privateKey}), good: static(files{"key.txt": strings.Replace(privateKey, "PRIVATE", "PUBLIC", 2)})},
	{rule: "secret", name: "npm token", bad: static(files{".npmrc": "//npm.example/:_authToken=" + token}), good: static(files{".npmrc": "//npm.example/:_authToken=${NPM_TOKEN}\n"})},
	{rule: "secret", name: "GitHub token", bad: static(files{"a": "ghp_" + token}), good: static(files{"a": "ghp_" + token[:35]})},
	{rule: "version-control", name: ".hg", bad: static(files{".hg/store": "x"}), good: static(files{".git/HEAD": "x"})},
	{rule: "large-file", name: "10 MB", bad: static(files{"data": strings.Repeat("x", 10_000_001)}), good: static(files{"data": strings.Repeat("x", 10_000_000)})},

	// plan.toml
	{rule: "plan-toml", name: "syntax", bad: plan("[[provides]\n"), good: plan("")},
	{rule: "plan-toml", name: "table for array", bad: plan("[provides]\nname = \"x\"\n"), good: plan("provides = []\n")},
	{rule: "plan-toml", name: "number", bad: plan("[[provides]]\nname = 1\n"), good: plan("[[provides]]\nname = \"1\"\n")},
	{rule: "plan-toml", name: "ignored", bad: plan("x"), good: programs(files{"detect/plan.toml": "x"})},
	{rule: "plan-requires", name: "top level", bad: plan("[[requires]]\nname = \"x\"\n"), good: plan("requires = []\n")},
	{rule: "plan-requires", name: "below or", bad: plan("[[provides]]\nname = \"x\"\n[[or]]\n[[or.requires]]\nname = \"x\"\n"), good: plan("[[or]]\n[[or.provides]]\nname = \"x\"\n")},
	{rule: "plan-requires", name: "other case", bad: plan("[[Requires]]\nname = \"x\"\n"), good: plan("[[Provides]]\nName = \"x\"\n")},
	{rule: "plan-provides", name: "no name", bad: plan("[[provides]]\n"), good: plan("[[provides]]\nname = \"x\"\n")},
	{rule: "plan-key", name: "misspelling", bad: plan("[[provide]]\nname = \"x\"\n"), good: plan("[[provides]]\nname = \"x\"\n")},

	// extend-config.toml and contexts
	{rule: "config-toml", name: "syntax", bad: config("[build\n"), good: config("[build]\n")},
	{rule: "config-toml", name: "types", bad: config("[build]\nargs = \"x\"\n"), good: config("[build]\nargs = []\n")},
	{rule: "config-toml", name: "value", bad: config("[[build.args]]\nname = \"x\"\nvalue = 1\n"), good: config("[[build.args]]\nname = \"x\"\nvalue = \"1\"\n")},
	{rule: "config-arg", name: "no value", bad: config("[[run.args]]\nname = \"x\"\n"), good: config("[[run.args]]\nname = \"x\"\nvalue = \"\"\n")},
	{rule: "config-arg", name: "no name", bad: config("[[run.args]]\nvalue = \"x\"\n"), good: config("[[run.args]]\nname = \"x\"\nvalue = \"\"\n")},
	{rule: "config-reserved", name: "build_id", bad: config("[[build.args]]\nname = \"build_id\"\nvalue = \"x\"\n"), good: config("[[build.args]]\nname = \"build_ids\"\nvalue = \"x\"\n")},
	{rule: "config-reserved", name: "user_id in run", bad: config("[[run.args]]\nname = \"user_id\"\nvalue = \"x\"\n"), good: config("[[run.args]]\nname = \"USER_ID\"\nvalue = \"x\"\n")},
	{rule: "config-reserved", name: "group_id", bad: config("[[Build.Args]]\nName = \"group_id\"\nvalue = \"x\"\n"), good: config("[[build.args]]\nname = \"group\"\nvalue = \"x\"\n")},
	{rule: "config-key", name: "misspelling", bad: config("[[build.arg]]\n"), good: config("[build]\n")},
	{rule: "context-conflict", name: "context.run", bad: static(files{"generate/context/x": "", "generate/context.run/x": ""}), good: static(files{"generate/context.build/x": "", "generate/context.run/x": ""})},
	{rule: "context-conflict", name: "context.build", bad: static(files{"generate/context/x": "", "generate/context.build/x": ""}), good: static(files{"generate/context/x": "", "generate/context.build": "a file"})},

	// Dockerfiles
	{rule: "dockerfile-syntax", name: "unknown instruction", bad: build(buildFile + "INSTALL curl\n"), good: build(buildFile + "RUN curl\n")},
	{rule: "dockerfile-syntax", name: "empty", bad: build(""), good: build(buildFile)},
	{rule: "dockerfile-syntax", name: "in run.Dockerfile", bad: run(runFile + "COPY x\n"), good: run(runFile + "COPY x /x\n")},
	{rule: "dockerfile-syntax", name: "before FROM", bad: run("RUN x\n" + runFile), good: run("ARG x\n" + runFile)},
	{rule: "dockerfile-stages", name: "two in build", bad: build(buildFile + "FROM ${base_image}\n"), good: build("# FROM x\n" + buildFile)},
	{rule: "dockerfile-stages", name: "two in run", bad: run(runFile + "FROM scratch\n"), good: run(runFile)},
	{rule: "dockerfile-stages", name: "none in build", bad: build("ARG base_image\n"), good: build(buildFile)},
	{rule: "dockerfile-stages", name: "none in run", bad: run("ARG base_image\n"), good: run(runFile)},
	{rule: "build-arg", name: "missing", bad: build("FROM ${base_image}\n"), good: build(buildFile)},
	{rule: "build-arg", name: "another one", bad: build("ARG base_image\nARG x\nFROM ${base_image}\n"), good: build("ARG base_image=x\nFROM ${base_image}\nARG x\n")},
	{rule: "build-arg", name: "another first", bad: build("ARG x\nARG base_image\nFROM ${base_image}\n"), good: build("# x\nARG base_image\nFROM ${base_image}\n")},
	{rule: "build-arg", name: "other case", bad: build("ARG BASE_IMAGE\nFROM ${base_image}\n"), good: build("arg base_image\nfrom ${base_image}\n")},
	{rule: "build-from", name: "an image", bad: build("ARG base_image\nFROM ubuntu\n"), good: build("ARG base_image\nFROM ${base_image} AS x\n")},
	{rule: "build-from", name: "no braces", bad: build("ARG base_image\nFROM $base_image\n"), good: build(buildFile)},
	{rule: "build-from", name: "default", bad: build("ARG base_image\nFROM ${base_image:-x}\n"), good: build(buildFile)},
	{rule: "run-from", name: "scratch", bad: run("FROM scratch\n"), good: run(runFile)},
	{rule: "run-from", name: "variable", undecided: true, bad: run("ARG x\nFROM ${x}\n"), good: run(runFile)},
	{rule: "run-from", name: "no braces", undecided: true, bad: run("ARG base_image\nFROM $base_image\n"), good: run("ARG base_image\nFROM ${base_image}\n")},
	{rule: "run-from-only", name: "api 0.9", bad: merge(run(extendRun+"RUN x\n"), toml("0.10", "0.9")), good: run(extendRun + "RUN x\n")},
	{rule: "run-user", name: "root", bad: run(extendRun + "USER root\nRUN x\n"), good: run(extendRun + "ARG user_id\nUSER root\nRUN x\nUSER ${user_id}\n")},
	{rule: "run-user", name: "0:0", bad: run(extendRun + "USER 0:0\n"), good: run(extendRun + "USER 1000\n")},
	{rule: "run-image-builder", name: "image", bad: run(runFile), good: run(extendRun)},
	{rule: "dockerfile-instruction", name: "CMD", bad: build(buildFile + "CMD x\n"), good: build(buildFile + "SHELL [\"sh\"]\n")},
	{rule: "dockerfile-instruction", name: "EXPOSE in run", bad: run(extendRun + "EXPOSE 80\n"), good: run(extendRun + "ENV A=1\n")},
	{rule: "build-id-default", name: "no default", bad: build(buildFile + "ARG build_id\nRUN echo ${build_id}\n"), good: build(buildFile + "ARG build_id=0\nRUN echo ${build_id}\n")},
	{rule: "user-restore", name: "root stays", bad: build(buildFile + "USER root\nRUN x\n"), good: build(buildFile + "ARG user_id\nARG group_id\nUSER root\nRUN x\nUSER ${user_id}:${group_id}\n")},
	{rule: "user-restore", name: "no ARG", bad: build(buildFile + "USER ${user_id}\n"), good: build(buildFile + "ARG user_id\nUSER $user_id\n")},
	{rule: "user-restore", name: "variable", undecided: true, bad: build(buildFile + "ARG name\nUSER ${name}\n"), good: build(buildFile)},
	{rule: "platform-path", name: "layers", bad: build(buildFile + "COPY x /layers/x\n"), good: build(buildFile + "COPY x /layersx\n")},
	{rule: "platform-path", name: "workspace", bad: run(extendRun + "ADD x /workspace\n"), good: run(extendRun + "ADD x /work\n")},
	{rule: "rebasable", name: "no label", bad: run("ARG base_image\nFROM ${base_image}\nRUN x\n"), good: run(extendRun + "RUN x\n")},
	{rule: "extender", name: "mount", bad: build(buildFile + "RUN --mount=type=cache,target=/x x\n"), good: build(buildFile + "RUN x\n")},
	{rule: "extender", name: "heredoc", bad: build(buildFile + "RUN <<E\nx\nE\n"), good: build(buildFile + "RUN x\n")},
	{rule: "extender", name: "checksum", bad: build(buildFile + "ADD --checksum=sha256:" + strings.Repeat("a", 64) + " https://example.com/x /x\n"), good: build(buildFile + "ADD https://example.com/x /x\n")},
	{rule: "extender", name: "platform", bad: run("FROM --platform=linux/amd64 x\n"), good: run("FROM x\n")},
	{
		rule: "copy-source", name: "shared context",
		bad:  static(files{"generate/context/a": "", "generate/build.Dockerfile": buildFile + "COPY b /b\n"}),
		good: static(files{"generate/context/a": "", "generate/build.Dockerfile": buildFile + "COPY a /b\n"}),
	},
	{
		rule: "copy-source", name: "pattern",
		bad:  static(files{"generate/context.build/a": "", "generate/build.Dockerfile": buildFile + "COPY *.b /b\n"}),
		good: static(files{"generate/context.build/a.b": "", "generate/build.Dockerfile": buildFile + "COPY *.b https://example.com/x $X /b/\n"}),
	},
	{
		rule: "copy-source", name: "no context",
		bad:  static(files{"generate/context.run/a": "", "generate/run.Dockerfile": extendRun + "ADD b /b\n"}),
		good: static(files{"generate/context.build/a": "", "generate/run.Dockerfile": extendRun + "ADD b /b\n"}),
	},
}

const (
	token      = "0123456789abcdefghijABCDEFGHIJ0123456789"
	privateKey = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx0123456789abcdefghij\n-----END RSA PRIVATE KEY-----\n"
)

// armv7 is the head and the build attributes of a program for ARMv7.
var armv7 = func() string {
	attributes := "A\x1b\x00\x00\x00aeabi\x00\x01\x11\x00\x00\x00\x05Cortex\x00\x06\x0a\x08\x01"
	const header = "\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00\x01\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00"
	at := 52 + len(attributes)
	word := func(n int) string { return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}) }
	head := header + word(at) + word(0) + "\x34\x00\x00\x00\x00\x00\x28\x00\x02\x00\x00\x00"
	section := word(0) + "\x03\x00\x00\x70" + word(0) + word(0) + word(52) + word(len(attributes)) + word(0) + word(0) + word(1) + word(0)
	return head + attributes + strings.Repeat("\x00", 40) + section
}()
