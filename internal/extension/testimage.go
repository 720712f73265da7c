package extension

import (
	"io/fs"
	"path"
	"strconv"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
)

func (r *reader) imageChecks(parent *table, name string) ImageChecks {
	c := ImageChecks{EnvPositions: map[string]diag.Position{}, LabelPositions: map[string]diag.Position{}}
	t := parent.child(name)
	if t == nil {
		return c
	}
	if e := t.text("base"); e != nil {
		c.Base = *e
	}
	if e := t.text("user"); e != nil {
		c.User = *e
	}
	c.Env = t.textMap("env", func(key Entry) { c.EnvPositions[key.Value] = key.Position })
	c.Labels = t.textMap("labels", func(key Entry) { c.LabelPositions[key.Value] = key.Position })
	if t.has("rebasable") || t.schema != nil {
		is := t.flag("rebasable")
		c.Rebasable, c.RebasablePosition = &is, t.keyPosition("rebasable")
	}
	for _, f := range t.children("file") {
		c.Files = append(c.Files, r.fileCheck(f))
	}
	for _, cmd := range t.children("command") {
		c.Commands = append(c.Commands, r.commandCheck(cmd))
	}
	t.unknown()
	return c
}

func (r *reader) fileCheck(t *table) FileCheck {
	c := FileCheck{Position: t.position(), Path: t.plain("path"), Content: r.pattern(t, "content"), Absent: t.flag("absent")}
	t.needs("path")
	if !path.IsAbs(c.Path) || path.Clean(c.Path) != c.Path || c.Path == "/" || !imagePath.Get().MatchString(c.Path) {
		r.report(r.types, t.position(), "path %s in %s is not an absolute path of a file", quote(c.Path), t)
	}
	if e := t.text("mode"); e != nil {
		n, err := strconv.ParseUint(e.Value, 8, 12)
		if err != nil || !octal.Get().MatchString(e.Value) {
			r.report(r.types, e.Position, "mode %s is not octal, such as \"0755\"", quote(e.Value))
		}
		mode := fs.FileMode(n)
		c.Mode = &mode
	}
	if c.Absent && (c.Mode != nil || c.Content != nil) {
		r.report(r.types, t.keyPosition("absent"), "an absent file cannot have a mode or content")
	}
	t.unknown()
	return c
}

var (
	octal = lazyregexp.New(`^0?[0-7]{3,4}$`)
	// imagePath excludes what Dockerfiles expand, and control characters.
	imagePath = lazyregexp.New(`^/[A-Za-z0-9/._+@:,=~%-]*[A-Za-z0-9._+@:,=~%]$`)
)

func (r *reader) commandCheck(t *table) CommandCheck {
	c := CommandCheck{Position: t.position(), Run: t.plains("run"), Output: r.pattern(t, "output")}
	t.needs("run")
	if len(c.Run) == 0 || c.Run[0] == "" {
		r.report(r.types, t.position(), "missing run in %s", t).Hint = `write it as run = ["curl", "--version"]`
	}
	if n := t.typed("exit", integerKind, integerKind.String()); n != nil {
		code, err := strconv.Atoi(n.text)
		if err != nil || code < 0 || code > 255 {
			r.report(r.types, r.position(n.at), "exit is %s, not between 0 and 255", n.text)
		}
		c.Exit = code
	}
	t.unknown()
	return c
}
