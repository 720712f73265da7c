package extension

import (
	"strings"

	"github.com/extpack/extpack/internal/rules"
)

// unsupported reports keys that are only valid for buildpacks. Source:
// Buildpack Interface Specification, "buildpack.toml (TOML)", and RFC 0105,
// which excludes order.
func (r *reader) unsupported(root *table) {
	if root.has("order") {
		r.report(rules.Order, root.keyPosition("order"), "extensions have no order")
		root.known = append(root.known, "order")
	}
	if root.has("stacks") {
		r.report(rules.DeprecatedKey, root.keyPosition("stacks"), "stacks are deprecated, and extensions have none")
		root.known = append(root.known, "stacks")
	}
}

// unsupportedInfo is like unsupported for [extension].
func (r *reader) unsupportedInfo(t *table) {
	if t.has("sbom-formats") {
		r.report(rules.DeprecatedKey, t.keyPosition("sbom-formats"), "sbom-formats is for buildpacks: extensions write no SBOM")
		t.known = append(t.known, "sbom-formats")
	}
}

// exceptions reads [metadata.extpack.lint].
func (r *reader) exceptions(t *table) rules.Exceptions {
	var out rules.Exceptions
	for _, c := range t.children("ignore") {
		rule, reason, where := c.text("rule"), c.text("reason"), c.text("path")
		c.needs("rule", "reason")
		c.unknown()
		x := rules.Exception{Position: c.position()}
		if rule == nil || rule.Value == "" {
			r.report(rules.Setting, c.position(), "missing rule in %s", c).Hint = "see \"docker extpack lint --list-rules\""
			continue
		}
		x.Rule = rule.Value
		if known := rules.ByID(x.Rule); known == nil {
			r.report(rules.LintException, rule.Position, "unknown rule %s%s", quote(x.Rule), suggest(x.Rule, ruleIDs()))
		} else if known.Required {
			r.report(rules.LintException, rule.Position, "the rule %s cannot be turned off, because every package requires it", x.Rule)
		}
		if reason == nil || strings.TrimSpace(reason.Value) == "" {
			r.report(rules.Setting, c.position(), "missing reason in %s", c).Hint = `add the reason: reason = "…"`
			continue
		}
		x.Reason = reason.Value
		if where != nil {
			x.Path = r.checkPath("lint path", where)
		}
		out = append(out, x)
	}
	t.unknown()
	return out
}

func ruleIDs() []string {
	var ids []string
	for _, r := range rules.All() {
		ids = append(ids, r.ID)
	}
	return ids
}
