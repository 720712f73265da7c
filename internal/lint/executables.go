package lint

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/rules"
)

// checkExecutables checks that programs run on the platform of the image and
// that scripts name their interpreter. Lifecycles run extensions on systems that
// run ELF only.
func (c *checker) checkExecutables() {
	if c.Platform.OS == "windows" || c.Platform.OS == "darwin" {
		return
	}
	entryPoints := map[string]bool{} // by path, after links
	for _, name := range []string{detectFile, generateBin} {
		f, ok := c.find(name)
		listed, isListed := c.Files[name]
		switch {
		case !ok && isListed:
			c.report(rules.EntryPoint, c.at(listed), "%s links to %s, which is not in the package", name, listed.Target())
		case !ok:
		case !isRegular(f):
			c.report(rules.EntryPoint, c.at(listed), "%s is not a file", name)
		case f.Mode&othersExec == 0:
			c.report(rules.EntryPoint, c.at(f), "%s has mode %04o, so not every user can execute it", name, f.Mode.Perm())
		default:
			entryPoints[f.Path] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		f := c.Files[name]
		if !isRegular(f) {
			continue
		}
		c.checkExecutable(f, entryPoints[name])
	}
}

func (c *checker) checkExecutable(f *content.File, entryPoint bool) {
	program, fault := c.inspected[f].Program, c.inspected[f].Fault
	switch {
	case program != nil:
		words, variant := program.Mismatch(c.Platform)
		rule := rules.BinaryPlatform
		if c.AnyPlatform {
			words, variant = fmt.Sprintf("is %s, but this image is for any platform", program), false
		}
		if variant {
			rule = rules.BinaryVariant
		}
		if words != "" && (c.AnyPlatform || c.Platform.OS != "") {
			c.report(rule, c.at(f), "%s %s", f.Path, words)
		}
	case fault == nil:
	case fault.Rule == rules.ScriptMissing && entryPoint:
		// Unlike a shell, the lifecycle does not try to interpret it.
		c.report(rules.EntryPoint, c.at(f), "%s %s", f.Path, fault.Words)
	case fault.Rule == rules.ScriptMissing && !fault.Text:
		// Data that got exec bits somehow.
	default:
		pos := c.at(f)
		if fault.Text {
			pos.Line, pos.Column = 1, 1
		}
		c.report(fault.Rule, pos, "%s %s", f.Path, fault.Words)
	}
}

// maxScript bounds what is read of a script.
const maxScript = 1 << 20

var variable = lazyregexp.New(`\bCNB_[A-Z_]+\b`)

// sinceAPI are the variables that lifecycles set from a minor api on, for
// bin/detect and for bin/generate. Source: lifecycle, buildpack/detect.go and
// buildpack/generate.go.
var sinceAPI = map[string]map[string]int{
	detectFile: {
		"CNB_PLATFORM_DIR": 8, "CNB_BUILD_PLAN_PATH": 8, "CNB_EXEC_ENV": 12,
		"CNB_TARGET_OS": 10, "CNB_TARGET_ARCH": 10, "CNB_TARGET_ARCH_VARIANT": 10,
		"CNB_TARGET_DISTRO_NAME": 10, "CNB_TARGET_DISTRO_VERSION": 10,
	},
	generateBin: {
		"CNB_TARGET_OS": 10, "CNB_TARGET_ARCH": 10, "CNB_TARGET_ARCH_VARIANT": 10,
		"CNB_TARGET_DISTRO_NAME": 10, "CNB_TARGET_DISTRO_VERSION": 10,
	},
}

// checkVariables checks the variables that the entry points use, as far as they
// are scripts: each at its first place outside a comment.
func (c *checker) checkVariables() error {
	for _, name := range []string{detectFile, generateBin} {
		f, data, ok, err := c.text(name, maxScript, nil)
		if err != nil {
			return err
		}
		if !ok || !bytes.HasPrefix(data, []byte("#!")) {
			continue
		}
		seen := map[string]bool{}
		number := 0
		for line := range strings.Lines(string(data)) {
			number++
			code := line
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				code = ""
			}
			for _, at := range variable.Get().FindAllStringIndex(code, -1) {
				if used := code[at[0]:at[1]]; !seen[used] {
					seen[used] = true
					pos := c.at(f)
					pos.Line, pos.Column = number, at[0]+1
					c.checkVariable(name, used, pos)
				}
			}
		}
	}
	return nil
}

func (c *checker) checkVariable(program, used string, pos diag.Position) {
	since := sinceAPI[program][used]
	switch {
	case program == detectFile && used == "CNB_OUTPUT_DIR":
		c.report(rules.DetectOutput, pos, "lifecycles do not set CNB_OUTPUT_DIR for bin/detect")
	case program == generateBin && used == "CNB_EXEC_ENV":
		c.report(rules.VariableNewer, pos, "lifecycles do not set CNB_EXEC_ENV for bin/generate")
	case since > 0 && c.minor() >= 0 && c.minor() < since:
		c.report(rules.VariableNewer, pos, "lifecycles set %s since api 0.%d, and this extension has %s", used, since, c.API)
	}
}

// minor returns the minor version of the api, -1 when it is not known.
func (c *checker) minor() int {
	text, ok := strings.CutPrefix(c.API, "0.")
	n, err := strconv.Atoi(text)
	if !ok || err != nil {
		return -1
	}
	return n
}
