package docs_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// markdown returns the text of every page of the repository by its path.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && rel != "." && d.Name() != ".github") {
			return fs.SkipDir
		}
		if filepath.Ext(name) != ".md" {
			return nil
		}
		data, err := os.ReadFile(name)
		pages[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

var (
	fenced = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")
	inline = regexp.MustCompile("`[^`\n]*`")
	link   = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	title  = regexp.MustCompile(`(?m)^#{1,6} +(.+?)\s*$`)
	mine   = regexp.MustCompile(`^https://github\.com/extpack/extpack/(blob|tree)/main/([^#]+)`)
)

// anchors returns the anchors of a page, as GitHub makes them of headings.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range title.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.ReplaceAll(m[1], "`", ""))
		all[slug] = true
	}
	return all
}

// TestLinks: every link of every page leads to a file and a heading that exist.
func TestLinks(t *testing.T) {
	pages := markdown(t)
	count := 0
	for name, text := range pages {
		for _, m := range link.FindAllStringSubmatch(inline.ReplaceAllString(fenced.ReplaceAllString(text, ""), ""), -1) {
			count++
			target := m[1]
			if own := mine.FindStringSubmatch(target); own != nil {
				target = "/" + own[2]
			}
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			at := path.Join(path.Dir(name), file)
			if strings.HasPrefix(file, "/") {
				at = strings.TrimPrefix(file, "/")
			}
			if file == "" {
				at = name
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(at))); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, target)
				continue
			}
			if page, ok := pages[at]; anchor != "" && ok && !anchors(page)[anchor] {
				t.Errorf("%s links to %s, and there is no such heading", name, target)
			}
		}
	}
	if count < 100 {
		t.Errorf("found only %d links", count)
	}
}

// TestEveryPageIsListed: docs/README.md leads to every page.
func TestEveryPageIsListed(t *testing.T) {
	pages := markdown(t)
	for name := range pages {
		rel, ok := strings.CutPrefix(name, "docs/")
		if !ok || rel == "README.md" || strings.HasPrefix(rel, "reference/") || strings.HasPrefix(rel, "adr/") {
			continue
		}
		if !strings.Contains(pages["docs/README.md"], "("+rel+")") {
			t.Errorf("docs/README.md does not link to %s", rel)
		}
	}
}

// TestDataBlocks: blocks of TOML and YAML can be parsed.
func TestDataBlocks(t *testing.T) {
	block := regexp.MustCompile("(?ms)^[ \t]*```(toml|yaml)\n(.*?)^[ \t]*```[ \t]*$")
	count := 0
	for name, text := range markdown(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			count++
			var v any
			var err error
			if m[1] == "toml" {
				err = toml.Unmarshal([]byte(m[2]), &v)
			} else {
				err = yaml.Unmarshal([]byte(m[2]), &v)
			}
			if err != nil {
				t.Errorf("%s: %v in\n%s", name, err, m[2])
			}
		}
	}
	if count < 10 {
		t.Errorf("found only %d blocks", count)
	}
}

// TestSite: the navigation of the site has every page that docs/README.md lists.
func TestSite(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "docs", "site", "mkdocs.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct{ Nav []any }
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			listed[v] = true
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			for _, one := range v {
				walk(one)
			}
		}
	}
	walk(config.Nav)
	for name := range markdown(t) {
		rel, ok := strings.CutPrefix(name, "docs/")
		if !ok {
			continue
		}
		if !strings.HasPrefix(rel, "reference/") && !strings.HasPrefix(rel, "adr/") && !listed[rel] {
			t.Errorf("the navigation of docs/site/mkdocs.yml lacks %s", rel)
		}
		delete(listed, rel)
	}
	for name := range listed {
		t.Errorf("docs/site/mkdocs.yml lists %s, which does not exist", name)
	}
}

// stiff are words that CONTRIBUTING.md keeps out of everything that is written
// here; tests/house looks at the code.
var stiff = regexp.MustCompile(`(?i)\b(gives|gave|stands for|stands?|lies|whoever|somebody|nobody|anew|meanwhile|politely|in vain|of its own|has to give)\b`)

func TestVoice(t *testing.T) {
	for name, text := range markdown(t) {
		if name == "CONTRIBUTING.md" { // which lists them
			continue
		}
		text = inline.ReplaceAllString(fenced.ReplaceAllString(text, ""), "")
		for line := range strings.Lines(text) {
			for _, word := range stiff.FindAllString(line, -1) {
				t.Errorf("%s: %q in: %s", name, word, strings.TrimSpace(line))
			}
		}
	}
}
