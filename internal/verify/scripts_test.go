package verify

import (
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestScripts(t *testing.T) {
	t.Parallel()
	tool := func(content string) func(*testPackage) { return adding(reg(testDir+"lib/tool", content, 0o755)) }
	entry := func(content string) func(*testPackage) { return replacing(reg(testDir+"bin/generate", content, 0o755)) }
	line := func(n int) string { return "#!/bin/" + strings.Repeat("x", n-len("#!/bin/")) + "\n" }
	const notAbsolute = "which is not an absolute path"
	run(t, map[string]mutation{
		"sh":                   {entry("#!/bin/sh\nexit 0\n"), "", ""},
		"with a blank":         {entry("#! /bin/sh -e\n"), "", ""},
		"with a tab":           {entry("#!\t/bin/sh\t-e\n"), "", ""},
		"no end of line":       {entry("#!/bin/sh"), "", ""},
		"CRLF later":           {entry("#!/bin/sh\nexit 0\r\n"), "", ""},
		"env":                  {entry("#!/usr/bin/env bash\n"), "", ""},
		"env -S":               {entry("#!/usr/bin/env -S bash -e\n"), "", ""},
		"CRLF":                 {entry("#!/bin/sh\r\nexit 0\r\n"), "script-interpreter", "bin/generate ends its first line with CRLF"},
		"CRLF after argument":  {entry("#!/bin/sh -e\r\n"), "script-interpreter", "CRLF"},
		"CRLF in a tool":       {tool("#!/usr/bin/env python3\r\n"), "script-interpreter", "lib/tool ends its first line with CRLF"},
		"relative":             {entry("#!sh\n"), "script-interpreter", `names the interpreter "sh", ` + notAbsolute},
		"relative with dots":   {tool("#!../bin/sh\n"), "script-interpreter", notAbsolute},
		"no interpreter":       {entry("#!\n"), "script-interpreter", "has no interpreter after #!"},
		"blanks":               {entry("#!  \t \n"), "script-interpreter", "has no interpreter after #!"},
		"env of nothing":       {entry("#!/usr/bin/env\n"), "script-interpreter", "runs env without the name of a program"},
		"env with an argument": {entry("#!/usr/bin/env bash -e\n"), "script-interpreter", `runs env with "bash -e"`},
		"UTF-8 mark":           {entry("\xef\xbb\xbf#!/bin/sh\n"), "script-interpreter", "byte order mark"},
		"UTF-16":               {tool("\xff\xfe#\x00!\x00/\x00"), "script-interpreter", "byte order mark"},
		"127 bytes":            {entry(line(127)), "", ""},
		"128 bytes":            {entry(line(128)), "script-length", "has a first line of 128 bytes; Linux before 5.1 reads 127"},
		"255 bytes":            {entry(line(255)), "script-length", "255 bytes"},
		"256 bytes":            {entry(line(256)), "script-interpreter", "more than the 255 bytes"},
		"endless line":         {tool(line(100_000)), "script-interpreter", "more than the 255 bytes"},
		"entry point of text":  {entry("echo hello\n"), "entry-point", "bin/generate is not a program and does not begin with #!"},
		"empty entry point":    {entry(""), "entry-point", "is not a program"},
		"entry point of data":  {entry("PK\x03\x04\x00\x00"), "entry-point", "is not a program"},
		"object entry point":   {entry(objectFile()), "entry-point", "is not a program"},
		"text":                 {tool("echo hello\n"), "script-missing", "lib/tool is not a program"},
		"empty":                {tool(""), "", ""},
		"data":                 {tool("PK\x03\x04\x00\x00"), "", ""},
		"text without bits":    {adding(reg(testDir+"README", "hello\r\n", 0o644)), "", ""},
		"script without bits":  {adding(reg(testDir+"lib/x.sh", "#!/bin/sh\r\n", 0o644)), "", ""},
		"on windows": {func(p *testPackage) {
			p.platforms, p.promise = []v1.Platform{{OS: "windows", Architecture: "amd64"}}, nil
			p.files = func(_ int, files []file) []file {
				return append(files, reg(testDir+"bin/x", "echo\r\n", 0o755))
			}
		}, "", ""},
	})
}

func objectFile() string {
	head := []byte(elfHeader("arm64"))
	head[16] = 1 // ET_REL
	return string(head)
}
