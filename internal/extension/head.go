package extension

// Head is the part of an extension.toml that readers of packages rely on.
type Head struct{ API, ID, Version string }

// ReadHead reads the head of a descriptor with the parser of [Parse], and
// ignores violations of the specification in the rest. The API is MAJOR.MINOR
// even if the file has only MAJOR. file is the name in messages. The error is a
// [*diag.InvalidError].
func ReadHead(file string, data []byte) (Head, error) {
	r := newReader(file, data)
	var h Head
	root := r.root()
	if root == nil {
		return h, r.list.Err()
	}
	h.API = root.plain("api")
	if digits.Get().MatchString(h.API) {
		h.API += ".0"
	}
	if t := root.child("extension"); t != nil {
		h.ID, h.Version = t.plain("id"), t.plain("version")
	}
	return h, r.list.Err()
}
