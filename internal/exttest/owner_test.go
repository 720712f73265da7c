package exttest

import (
	"testing"

	"github.com/extpack/extpack/internal/dockerfile"
)

// TestOwner keeps the owner of the context, as the lifecycle does.
func TestOwner(t *testing.T) {
	for text, want := range map[string]string{
		"COPY a b /c/\n":                      "COPY --chown=1001:1000 a b /c/\n",
		"RUN x \\\n  y\n  copy\ta /b\n":       "RUN x \\\n  y\n  copy --chown=1001:1000\ta /b\n",
		"COPY \\\n a /b\n":                    "COPY --chown=1001:1000 \\\n a /b\n",
		"COPY --chmod=0755 a /b\n":            "COPY --chown=1001:1000 --chmod=0755 a /b\n",
		"COPY --chown=0:0 a /b\n":             "",
		"COPY --from=busybox a /b\n":          "",
		"COPY <<EOF /b\nCOPY a b\nEOF\n":      "",
		"RUN <<EOF\nCOPY a b\nEOF\n":          "",
		"ADD a /b\n":                          "ADD --chown=1001:1000 a /b\n",
		"ADD a.tar.gz /b\n":                   "",
		"ADD https://example.com/a /b\n":      "",
		"# COPY a b\nENV COPY=a\nUSER root\n": "",
	} {
		t.Run(text, func(t *testing.T) {
			const head = "ARG base_image\nFROM ${base_image}\n"
			file, err := dockerfile.Parse([]byte(head + text))
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want = text
			}
			if got := string(withOwner([]byte(head+text), file, "1001", "1000")); got != head+want {
				t.Errorf("got %q, want %q", got, head+want)
			}
		})
	}
}
