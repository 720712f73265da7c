package lint

import (
	"bytes"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/dockerfile"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/rules"
)

// baseImage is how FROM names the image that is extended.
const baseImage = "${base_image}"

// dockerfileChecker checks one build.Dockerfile or run.Dockerfile.
type dockerfileChecker struct {
	name string
	run  bool
	// pos is the file, minor the minor version of the api or -1.
	pos   diag.Position
	data  []byte
	minor int
	// inContext reports whether a source of COPY is there; nil when the context
	// is the application's folder.
	inContext func(source string) bool
	list      *diag.List

	lines [][]byte
	// counts are how often each rule was reported, patterns how many sources
	// with a pattern were looked for.
	counts   map[*rules.Rule]int
	patterns int
}

const (
	// maxFindings limits how often a rule is reported of one file.
	maxFindings = 20
	// maxPatterns limits how many patterns of a file are compared with all names
	// in the context.
	maxPatterns = 100
)

func (d *dockerfileChecker) report(rule *rules.Rule, line int, format string, args ...any) {
	d.counts[rule]++
	switch n := d.counts[rule]; {
	case n < maxFindings:
		*d.list = append(*d.list, rule.At(d.line(line), format, args...))
	case n == maxFindings:
		*d.list = append(*d.list, rule.At(d.pos, "further findings of this kind are not listed"))
	}
}

func (d *dockerfileChecker) line(n int) diag.Position {
	pos := d.pos
	if n > 0 && n <= len(d.lines) {
		text := d.lines[n-1]
		pos.Line, pos.Column = n, 1+len(text)-len(bytes.TrimLeft(text, " \t"))
	}
	return pos
}

func (d *dockerfileChecker) check() {
	d.lines, d.counts = bytes.Split(d.data, []byte("\n")), map[*rules.Rule]int{}
	file, err := dockerfile.Parse(d.data)
	if err != nil {
		var syntax *dockerfile.SyntaxError
		line, message := 0, err.Error()
		if errors.As(err, &syntax) {
			line, message = syntax.Line, syntax.Message
		}
		d.report(rules.DockerfileSyntax, line, "%s", message)
		return
	}
	if len(file.Stages) > 1 {
		d.report(rules.DockerfileStages, file.Stages[1].Line, "%s may have only one FROM, this one has %d", d.name, len(file.Stages))
	}
	if !d.run {
		d.checkBuildArgs(file)
	}
	if len(file.Stages) == 0 {
		d.report(rules.DockerfileStages, 0, "%s has no FROM", d.name)
		return
	}
	stage := file.Stages[0]
	if d.run {
		d.checkRunFrom(stage)
	} else if stage.Image != baseImage {
		d.report(rules.BuildFrom, stage.Line, "FROM names %q, not %s", stage.Image, baseImage)
	}
	if stage.Platform != "" {
		d.report(rules.Extender, stage.Line, "the lifecycle ignores --platform of FROM")
	}
	for _, stage := range file.Stages {
		for _, cmd := range stage.Commands {
			d.checkCommand(cmd)
		}
	}
	d.checkUser(stage)
}

// checkBuildArgs checks what is before FROM in a build.Dockerfile.
func (d *dockerfileChecker) checkBuildArgs(file *dockerfile.File) {
	line := 0
	if len(file.Stages) > 0 {
		line = file.Stages[0].Line
	}
	for i, cmd := range file.Args {
		name := cmd.Args[0].Key
		if i == 0 && name == "base_image" {
			line = -1
			continue
		}
		d.report(rules.BuildArg, dockerfile.Line(&cmd), "ARG %s before FROM: only base_image is allowed there", name)
		line = -1
	}
	if line >= 0 {
		d.report(rules.BuildArg, line, "ARG base_image is missing before FROM")
	}
}

// likeBaseImage finds other spellings of the base image.
var likeBaseImage = lazyregexp.New(`\$\{?base_image\b`)

func (d *dockerfileChecker) checkRunFrom(stage dockerfile.Stage) {
	switch image := stage.Image; {
	case image == baseImage:
	case image == "scratch":
		d.report(rules.RunFrom, stage.Line, "FROM scratch is not a run image: it has no layers")
	case likeBaseImage.Get().MatchString(image):
		*d.list = append(*d.list, rules.RunFrom.Undecidable(d.line(stage.Line), "FROM %s is not spelled %s, the only form in which the lifecycle recognizes the run image", image, baseImage))
	case strings.Contains(image, "$"):
		*d.list = append(*d.list, rules.RunFrom.Undecidable(d.line(stage.Line), "FROM %s depends on a variable", image))
	default:
		d.report(rules.RunImageBuilder, stage.Line, "the run image becomes %s", image)
	}
	if len(stage.Commands) == 0 {
		return
	}
	first := dockerfile.Line(stage.Commands[0])
	if d.minor >= 0 && d.minor < 10 {
		d.report(rules.RunFromOnly, first, "run.Dockerfile may contain only FROM before api 0.10")
	}
	if !slices.ContainsFunc(stage.Commands, setsRebasable) {
		d.report(rules.Rebasable, stage.Line, "the label io.buildpacks.rebasable is not set, so the image counts as not rebasable")
	}
}

func setsRebasable(cmd dockerfile.Command) bool {
	label, ok := cmd.(*dockerfile.Label)
	return ok && slices.ContainsFunc(label.Labels, func(l dockerfile.KeyValue) bool {
		return strings.Trim(l.Key, `"'`) == "io.buildpacks.rebasable"
	})
}

// recommended are the instructions that the specification recommends.
var recommended = []string{"ADD", "ARG", "COPY", "ENV", "LABEL", "RUN", "SHELL", "USER", "WORKDIR"}

func (d *dockerfileChecker) checkCommand(cmd dockerfile.Command) {
	line := dockerfile.Line(cmd)
	if name := strings.ToUpper(cmd.Name()); !slices.Contains(recommended, name) {
		d.report(rules.Instruction, line, "%s is not recommended", name)
	}
	switch cmd := cmd.(type) {
	case *dockerfile.Arg:
		for _, arg := range cmd.Args {
			if arg.Key == "build_id" && (arg.Value == nil || *arg.Value != "0") {
				d.report(rules.BuildIDDefault, line, "build_id does not default to 0")
			}
		}
	case *dockerfile.Run:
		for _, flag := range cmd.FlagsUsed {
			d.ignored(line, "--"+flag+" of RUN", true)
		}
		if len(cmd.Files) > 0 {
			d.report(rules.Extender, line, "the lifecycle's extender does not support heredocs")
		}
	case *dockerfile.Copy:
		d.ignored(line, "--parents of COPY", cmd.Parents)
		d.ignored(line, "--exclude of COPY", len(cmd.ExcludePatterns) > 0)
		d.checkSources(line, "COPY", cmd.SourcesAndDest, cmd.From == "")
	case *dockerfile.Add:
		d.ignored(line, "--checksum of ADD", cmd.Checksum != "")
		d.ignored(line, "--exclude of ADD", len(cmd.ExcludePatterns) > 0)
		d.ignored(line, "--keep-git-dir of ADD", cmd.KeepGitDir != nil)
		d.ignored(line, "--unpack of ADD", cmd.Unpack != nil)
		d.checkSources(line, "ADD", cmd.SourcesAndDest, true)
	}
}

func (d *dockerfileChecker) ignored(line int, flag string, used bool) {
	if used {
		d.report(rules.Extender, line, "the lifecycle's extender ignores %s", flag)
	}
}

// lifecycleFolders hold what the lifecycle and buildpacks own.
var lifecycleFolders = []string{"/workspace", "/layers", "/platform"}

func (d *dockerfileChecker) checkSources(line int, name string, s dockerfile.SourcesAndDest, fromContext bool) {
	if len(s.SourceContents) > 0 {
		d.report(rules.Extender, line, "the lifecycle's extender does not support heredocs")
	}
	dest := path.Clean(s.DestPath)
	for _, folder := range lifecycleFolders {
		if dest == folder || strings.HasPrefix(dest, folder+"/") {
			d.report(rules.PlatformPath, line, "%s writes to %s, which the lifecycle owns", name, folder)
		}
	}
	for _, source := range s.SourcePaths {
		if !fromContext || d.inContext == nil || strings.Contains(source, "$") || isRemote(source) {
			continue
		}
		if strings.ContainsAny(source, "*?[") {
			if d.patterns++; d.patterns > maxPatterns {
				continue
			}
		}
		if d.inContext(source) {
			continue
		}
		d.report(rules.CopySource, line, "%q is not in the context folder", source)
	}
}

func isRemote(source string) bool {
	return strings.Contains(source, "://") || strings.HasPrefix(source, "git@")
}

// checkUser checks the user that a Dockerfile leaves.
func (d *dockerfileChecker) checkUser(stage dockerfile.Stage) {
	var last *dockerfile.User
	declared := false
	for _, cmd := range stage.Commands {
		switch cmd := cmd.(type) {
		case *dockerfile.User:
			last = cmd
		case *dockerfile.Arg:
			declared = declared || slices.ContainsFunc(cmd.Args, func(a dockerfile.Value) bool { return a.Key == "user_id" })
		}
	}
	if last == nil {
		return
	}
	line := dockerfile.Line(last)
	user, _, _ := strings.Cut(last.User, ":")
	restores := user == "${user_id}" || user == "$user_id"
	switch {
	case restores && !declared:
		d.report(rules.UserRestore, line, "user_id is used without ARG user_id, so it is empty")
	case restores:
	case d.run && (user == "0" || user == "root"):
		d.report(rules.RunUser, line, "the last USER is %s, and the lifecycle refuses a run image whose user is root", last.User)
	case strings.Contains(user, "$"):
		*d.list = append(*d.list, rules.UserRestore.Undecidable(d.line(line), "USER %s depends on a variable", last.User))
	default:
		d.report(rules.UserRestore, line, "the last USER is %s and not ${user_id}", last.User)
	}
}
