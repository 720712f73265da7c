package inspect

import (
	"fmt"
	"io"
	"strings"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/text"
)

// Mermaid writes a flowchart of the package (https://mermaid.js.org): its name,
// the index, the images, and their layers. Images that share a layer point to
// the same node.
func (r *Report) Mermaid(w io.Writer) error {
	var b strings.Builder
	node := func(id, open, label, close string) {
		fmt.Fprintf(&b, "  %s%s\"%s\"%s\n", id, open, mermaidText(label), close)
	}
	b.WriteString("flowchart LR\n")
	node("name", "([", r.Name, "])")
	root := "images"
	if oci.IsIndex(r.MediaType) {
		root = "index"
		label := "index\n" + short(r.Digest.String())
		if r.Extension != nil {
			label = r.Extension.ID + " " + r.Extension.Version + "\n" + label
		}
		node("index", "[", label, "]")
		b.WriteString("  name --> index\n")
	}
	layers := map[string]string{}
	for i, p := range r.Platforms {
		id := fmt.Sprintf("image%d", i+1)
		name := p.Identity().String()
		if p.Platform == extension.AnyPlatform {
			name = extension.AnyPlatformName
		}
		node(id, "[", name+"\n"+short(p.Digest.String()), "]")
		if root == "index" {
			fmt.Fprintf(&b, "  index --> %s\n", id)
		} else {
			fmt.Fprintf(&b, "  name --> %s\n", id)
		}
		for _, desc := range r.layers[i] {
			layer, ok := layers[desc.Digest.String()]
			if !ok {
				layer = fmt.Sprintf("layer%d", len(layers)+1)
				layers[desc.Digest.String()] = layer
				node(layer, "[(", "layer\n"+short(desc.Digest.String())+"\n"+text.Size(desc.Size), ")]")
			}
			fmt.Fprintf(&b, "  %s --> %s\n", id, layer)
		}
	}
	if r.Attestations > 0 {
		node("attestations", "{{", text.Count(r.Attestations, "attestation manifest"), "}}")
		fmt.Fprintf(&b, "  index --> attestations\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func short(digest string) string {
	_, encoded, _ := strings.Cut(digest, ":")
	return encoded[:min(len(encoded), 12)]
}

// mermaidText escapes a label; line breaks of labels are tags.
func mermaidText(s string) string {
	s = text.Clean(s)
	return strings.NewReplacer(
		"#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "\t", " ", "\n", "<br>",
	).Replace(s)
}
